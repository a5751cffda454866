/** `kedge delete-records`: kafka-delete-records. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { z } from "zod";
import { type Admin, AdminError, type TopicPartition } from "../../client/mod.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure, failureText } from "../failure.ts";

interface DeleteRecordsOptions extends ConnectionOptions {
  offsetJsonFile: string;
}

type Place = TopicPartition & { readonly offset: number };

const schema = z.object({
  version: z.literal(1, "Not supported version field value: only 1 is known").default(1),
  partitions: z.array(
    z.object({
      topic: z.string(),
      partition: z.int().min(0),
      offset: z.int().min(-1),
    }),
    "Missing partitions field",
  ),
});

const FORMAT = '{"partitions":[{"topic":"foo","partition":1,"offset":1}],"version":1}';

export function deleteRecordsCommand(): Command {
  const command = new Command("delete-records")
    .description("delete the records before an offset (kafka-delete-records)")
    .requiredOption("--offset-json-file <file>", `offsets by partition, in the form ${FORMAT}`);
  return connectionOptions(command).action(deleteRecords);
}

async function deleteRecords(options: DeleteRecordsOptions): Promise<void> {
  const places = readOffsets(options.offsetJsonFile);
  console.log("Executing records delete operation");
  const failed = await withAdmin(options, "kedge-delete-records", (admin) =>
    deleteAndTell(admin, places),
  );
  if (failed) process.exitCode = 1;
}

/** @throws CommandFailure naming the file and what is wrong in it. */
export function readOffsets(file: string): Place[] {
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new CommandFailure(`${file}: ${failureText(error)}; its form is ${FORMAT}`);
  }
  const result = schema.safeParse(data);
  if (!result.success) {
    throw new CommandFailure(`${file}: ${z.prettifyError(result.error)}; its form is ${FORMAT}`);
  }
  const { partitions } = result.data;
  const names = partitions.map(nameOf);
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  if (twice.size > 0) {
    throw new CommandFailure(
      `Offset json file contains duplicate topic partitions: ${[...twice].join(",")}`,
    );
  }
  return partitions;
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`;

/** Whether any partition failed: each is told on a line of its own. */
async function deleteAndTell(admin: Admin, places: readonly Place[]): Promise<boolean> {
  const outcomes = await Promise.all(
    places.map(async (place) => {
      try {
        const [done] = await admin.deleteRecords([place]);
        return { ok: true, text: `low_watermark: ${done?.lowWatermark}` };
      } catch (error) {
        if (!(error instanceof AdminError)) throw error;
        return { ok: false, text: `error: ${failureText(error)}` };
      }
    }),
  );
  console.log("Records delete operation completed:");
  places.forEach((place, i) => {
    console.log(`partition: ${nameOf(place)}\t${outcomes[i]?.text}`);
  });
  return outcomes.some(({ ok }) => !ok);
}
