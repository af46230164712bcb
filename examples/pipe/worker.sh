#!/bin/sh
# A worker in a POSIX shell: cargo dyno pipe -R 1k -w 2 --fail-if '^error' -- sh examples/pipe/worker.sh
while read -r n; do
  if [ "$n" -ge 0 ]; then echo "$((n * 2))"; else echo "error: negative"; fi
done
