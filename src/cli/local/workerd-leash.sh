#!/bin/sh
# Starts workerd so that it cannot outlive the process that wanted it. `kedge serve` holds the
# writing end of the fifo $KEDGE_LEASH for as long as it lives, killed outright or not; when the
# reading end below meets the end of the file, workerd (which has this shell's process id) goes too
# and gives its port back. A Ctrl-C reaches the whole process group: workerd ignores it and is
# stopped by `kedge serve`, after the requests under way.
trap '' INT HUP
(
  cat "$KEDGE_LEASH"
  rm -f "$KEDGE_LEASH"
  case "$(ps -o comm= -p $$ 2>/dev/null || cat /proc/$$/comm)" in
    *workerd*) kill -9 $$ ;;
  esac
) </dev/null >/dev/null 2>&1 3>&- &
exec "$KEDGE_WORKERD" "$@"
