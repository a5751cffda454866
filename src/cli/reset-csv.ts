/** What `consumer-groups --reset-offsets --export` writes and `--from-file` reads. */
import type { TopicPartition } from "../client/mod.ts";
import { CommandFailure } from "./failure.ts";

export interface NewOffset extends TopicPartition {
  readonly offset: number;
}

/** Offsets to set, by group. */
export type ResetPlan = ReadonlyMap<string, readonly NewOffset[]>;

/** A line a partition: `topic,partition,offset`, with the group before it when there are several. */
export function resetCsv(plan: ResetPlan, withGroup: boolean): string {
  return [...plan]
    .flatMap(([group, offsets]) =>
      offsets.map(({ topic, partition, offset }) => {
        const fields = [topic, String(partition), String(offset)];
        return `${(withGroup ? [group, ...fields] : fields).map(quoted).join(",")}\n`;
      }),
    )
    .join("");
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/**
 * Lines with three fields are about `group`, when there is one; those with four name theirs.
 *
 * @throws CommandFailure that names the line and what is wrong in it.
 */
export function parseResetCsv(file: string, text: string, group: string | null): ResetPlan {
  const plan = new Map<string, NewOffset[]>();
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "") return;
    const fields = fieldsOf(line);
    const wrong = (why: string): CommandFailure =>
      new CommandFailure(`${file}:${index + 1}: ${why}: ${line}`);
    if (fields === null) throw wrong("a quote is not closed");
    const named = fields.length === 4;
    if (!named && (fields.length !== 3 || group === null)) {
      const form = group === null ? "group,topic,partition,offset" : "topic,partition,offset";
      throw wrong(`${form} is needed`);
    }
    const [topic = "", partition = "", offset = ""] = named ? fields.slice(1) : fields;
    if (!/^\d{1,10}$/.test(partition)) throw wrong(`${partition} is no partition number`);
    if (!/^-?\d{1,16}$/.test(offset)) throw wrong(`${offset} is no offset`);
    const owner = named ? (fields[0] ?? "") : (group ?? "");
    const others = plan.get(owner) ?? [];
    plan.set(owner, [...others, { topic, partition: Number(partition), offset: Number(offset) }]);
  });
  return plan;
}

/** Null when a quote is not closed. */
function fieldsOf(line: string): string[] | null {
  const fields: string[] = [];
  for (let rest = line; ; ) {
    const match = /^\s*(?:"((?:[^"]|"")*)"\s*|([^",]*))(,|$)/.exec(rest);
    if (match === null) return null;
    fields.push(match[1]?.replaceAll('""', '"') ?? (match[2] ?? "").trim());
    if (match[3] === "") return fields;
    rest = rest.slice(match[0].length);
  }
}
