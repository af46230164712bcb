# A worker in Python: cargo dyno pipe -R 1k -w 2 -- python3 -u examples/pipe/worker.py
import sys

for line in sys.stdin:
    n = int(line)
    print("#metric digits", len(str(n)))
    print(sum(range(n % 100)))
