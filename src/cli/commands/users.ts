/** `kedge users`: SCRAM passwords, which kafka-configs has as configs of users. */
import { text as readAll } from "node:stream/consumers";
import { Command, Option } from "commander";
import type { ScramMechanismName } from "../../client/mod.ts";
import { ScramMechanism } from "../../protocol/acl-codes.ts";
import { integer } from "../arguments.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure } from "../failure.ts";

interface UsersOptions extends ConnectionOptions {
  list?: true;
  setPassword?: string;
  delete?: string;
  mechanism?: ScramMechanismName[];
  iterations?: number;
}

const MECHANISMS = Object.keys(ScramMechanism) as ScramMechanismName[];

export function usersCommand(): Command {
  const command = new Command("users")
    .description("set, list and delete the SCRAM passwords of users")
    .option("--list", "list the users that have passwords")
    .option("--set-password <user>", "set the user's password, read from standard input")
    .option("--delete <user>", "delete the user's password")
    .addOption(
      new Option("--mechanism <mechanism...>", "of these only (default: both)").choices(MECHANISMS),
    )
    .option("--iterations <number>", "rounds, with --set-password (default: 4096)", integer(1));
  return connectionOptions(command).action(runUsers);
}

async function runUsers(options: UsersOptions): Promise<void> {
  const { list, setPassword, delete: deleted, iterations } = options;
  if ([list, setPassword, deleted].filter((given) => given !== undefined).length !== 1) {
    throw new CommandFailure(
      "Command must include exactly one action: --list, --set-password or --delete",
    );
  }
  const mechanisms = options.mechanism ?? MECHANISMS;
  const password = setPassword === undefined ? "" : await readPassword();
  await withAdmin(options, "kedge-users", async (admin) => {
    if (setPassword !== undefined) {
      const rounds = iterations === undefined ? {} : { iterations };
      const set = mechanisms.map((mechanism) => ({
        ...{ user: setPassword, mechanism, password, ...rounds },
      }));
      await admin.alterUserScramCredentials(set);
      console.log(`Set the password of user ${setPassword} (${mechanisms.join(", ")}).`);
      return;
    }
    const described = await admin.describeUserScramCredentials(
      deleted === undefined ? [] : [deleted],
    );
    if (deleted !== undefined) {
      const has = described[0]?.credentialInfos.map(({ mechanism }) => mechanism) ?? [];
      const gone = has.filter((mechanism) => mechanisms.includes(mechanism));
      const deletions = gone.map((mechanism) => ({
        ...{ user: deleted, mechanism, delete: true as const },
      }));
      await admin.alterUserScramCredentials(deletions);
      console.log(`Deleted the password of user ${deleted} (${gone.join(", ") || "none"}).`);
      return;
    }
    for (const { user, credentialInfos } of described) {
      const infos = credentialInfos.map((one) => `${one.mechanism}=iterations=${one.iterations}`);
      console.log(`SCRAM credential configs for user-principal '${user}' are ${infos.join(", ")}`);
    }
  });
}

/** Not an argument: those are seen by every process of the machine, and remembered by shells. */
async function readPassword(): Promise<string> {
  if (process.stdin.isTTY) console.error("Password (end it with Ctrl-D on a line of its own):");
  const password = (await readAll(process.stdin)).replace(/\r?\n$/, "");
  if (password !== "") return password;
  throw new CommandFailure(
    "--set-password reads the password from standard input, and it was empty",
  );
}
