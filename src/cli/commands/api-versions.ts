/** `kedge api-versions`: kafka-broker-api-versions. */
import { Command } from "commander";
import type { ApiVersion } from "../../client/mod.ts";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";

export function apiVersionsCommand(): Command {
  const command = new Command("api-versions").description(
    "print which Kafka APIs the service speaks, and their versions (kafka-broker-api-versions)",
  );
  return connectionOptions(command).action((options: ConnectionOptions) =>
    withAdmin(options, "kedge-api-versions", async (admin) => {
      const [{ nodes }, versions] = await Promise.all([
        admin.describeCluster(),
        admin.apiVersions(),
      ]);
      const lines = versions.map(line).join(",\n");
      for (const { id, host, port, rack } of nodes) {
        console.log(`${host}:${port} (id: ${id} rack: ${rack} isFenced: false) -> (\n${lines}\n)`);
      }
    }),
  );
}

function line({ apiKey, name, minVersion, maxVersion }: ApiVersion): string {
  const range = minVersion === maxVersion ? `${minVersion}` : `${minVersion} to ${maxVersion}`;
  const usable = name === null ? "none" : maxVersion;
  return `\t${name ?? "UNKNOWN"}(${apiKey}): ${range} [usable: ${usable}]`;
}
