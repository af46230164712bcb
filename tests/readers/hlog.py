# An independent reader of histogram logs: reads the log named on the command line with the package
# `hdrh`, which knows nothing of dyno, merges the intervals of each tag, and prints one JSON object.

import json
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

QUANTILES = {"p50": (1, 2), "p90": (9, 10), "p99": (99, 100), "p999": (999, 1000)}


def empty():
    # The range of values that dyno records: whole numbers of 62 bits, to three digits.
    return HdrHistogram(1, 2**62, 3)


def quantile(histogram, numerator, denominator):
    # The package rounds to the nearest rank, where other readers of such logs round up. So it gets
    # the percentile of a whole rank, which leaves nothing to round.
    count = histogram.get_total_count()
    rank = -(-count * numerator // denominator)
    return histogram.get_value_at_percentile(100 * rank / count)


reader = HistogramLogReader(sys.argv[1], empty())
whole = {}
rows = 0
while (interval := reader.get_next_interval_histogram()) is not None:
    whole.setdefault(interval.get_tag(), empty()).add(interval)
    rows += 1

metrics = {
    tag: {
        "count": histogram.get_total_count(),
        "min": histogram.get_min_value(),
        "max": histogram.get_max_value(),
        **{name: quantile(histogram, *share) for name, share in QUANTILES.items()},
    }
    for tag, histogram in whole.items()
}
json.dump({"start": reader.get_start_time_sec(), "rows": rows, "metrics": metrics}, sys.stdout)
