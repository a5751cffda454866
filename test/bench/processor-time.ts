/** Processor time of workerd, which is a process below this one (Linux: /proc). */
import { readdirSync, readFileSync } from "node:fs";

/** What /proc counts in (sysconf(_SC_CLK_TCK)), on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly ticks: number;
}

/** Seconds that all threads of it have used so far. */
export function cpuSeconds(): number {
  const all = processes();
  const below = new Set([process.pid]);
  // A child may have a smaller number than its parent.
  for (let size = 0; size !== below.size; ) {
    size = below.size;
    for (const { pid, parent } of all) if (below.has(parent)) below.add(pid);
  }
  const found = all.filter(({ pid, name }) => below.has(pid) && name === "workerd");
  if (found.length === 0) throw new Error("no process called workerd runs below this one");
  return found.reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

function processes(): Process[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [parse(readFileSync(`/proc/${name}/stat`, "latin1"))];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

/** `pid (name) state ppid …`; utime and stime are fields 14 and 15 (proc_pid_stat(5)). */
function parse(stat: string): Process {
  const end = stat.lastIndexOf(")");
  const fields = stat.slice(end + 2).split(" ");
  return {
    pid: Number.parseInt(stat, 10),
    name: stat.slice(stat.indexOf("(") + 1, end),
    parent: Number(fields[1]),
    ticks: Number(fields[11]) + Number(fields[12]),
  };
}
