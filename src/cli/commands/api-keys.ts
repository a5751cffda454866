/** `kedge api-keys`: who may come in, by which key. Kafka has no such tool. */
import { Command } from "commander";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { CommandFailure } from "../failure.ts";
import { Rest } from "../rest.ts";
import { printTable } from "../table.ts";

interface ApiKeysOptions extends ConnectionOptions {
  create?: true;
  list?: true;
  delete?: string;
  principal?: string;
  description?: string;
  expiresAt?: string;
}

interface ApiKey {
  readonly key_id: string;
  readonly principal: string;
  readonly description: string;
  readonly created_at: string;
  readonly expires_at: string | null;
}

export function apiKeysCommand(): Command {
  const command = new Command("api-keys")
    .description("create, list and delete API keys")
    .option("--create", "create a key for --principal, and show its secret for the only time")
    .option("--list", "list the keys")
    .option("--delete <key id>", "delete a key: it opens nothing any more")
    .option("--principal <principal>", "with --create: whose it is, for example User:alice")
    .option("--description <text>", "with --create: what it is for")
    .option("--expires-at <time>", "with --create: its end, for example 2030-01-01T00:00:00Z");
  return connectionOptions(command).action(runApiKeys);
}

async function runApiKeys(options: ApiKeysOptions): Promise<void> {
  const actions = [options.create, options.list, options.delete];
  if (actions.filter((given) => given !== undefined).length !== 1) {
    throw new CommandFailure(
      "Command must include exactly one action: --create, --list or --delete",
    );
  }
  if (options.create && options.principal === undefined) {
    throw new CommandFailure("--create needs --principal, for example --principal User:alice");
  }
  await withAdmin(options, "kedge-api-keys", async (admin) => {
    const rest = new Rest(options, (await admin.describeCluster()).clusterId);
    if (options.create) return create(rest, options);
    if (options.delete !== undefined) {
      await rest.delete(`/api-keys/${encodeURIComponent(options.delete)}`);
      console.log(`Deleted API key ${options.delete}.`);
      return;
    }
    const { data } = await rest.get<{ data: ApiKey[] }>("/api-keys");
    const rows = data.map((key) => [
      ...[key.key_id, key.principal, key.created_at, key.expires_at ?? "never", key.description],
    ]);
    printTable([["KEY-ID", "PRINCIPAL", "CREATED", "EXPIRES", "DESCRIPTION"], ...rows]);
  });
}

async function create(rest: Rest, options: ApiKeysOptions): Promise<void> {
  const { principal, description, expiresAt } = options;
  const body = {
    principal,
    ...(description === undefined ? {} : { description }),
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
  };
  const created = await rest.post<ApiKey & { readonly secret: string }>("/api-keys", body);
  console.log(`Created API key ${created.key_id} for ${created.principal}.`);
  console.log(`Secret: ${created.secret}`);
  console.log(
    "It is shown here only. HTTP: Bearer <key id>.<secret>; SASL/PLAIN: key id and secret.",
  );
}
