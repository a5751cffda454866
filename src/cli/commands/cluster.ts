/** `kedge cluster`: kafka-cluster. */
import { Command } from "commander";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";
import { printTable } from "../table.ts";

export function clusterCommand(): Command {
  const clusterId = new Command("cluster-id")
    .description("print the id of the cluster")
    .action((options: ConnectionOptions) =>
      withAdmin(options, "kedge-cluster", async (admin) => {
        console.log(`Cluster ID: ${(await admin.describeCluster()).clusterId}`);
      }),
    );
  const listEndpoints = new Command("list-endpoints")
    .description("print the brokers, which are regions, and where clients reach them")
    .action((options: ConnectionOptions) =>
      withAdmin(options, "kedge-cluster", async (admin) => {
        const { nodes } = await admin.describeCluster({ includeFencedBrokers: true });
        const rows = nodes.map(({ id, host, port, rack, isFenced }) => [
          ...[id, host, port, rack, isFenced ? "fenced" : "unfenced"],
        ]);
        const table = [["ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"]].concat(
          rows.map((row) => [...row.map((cell) => String(cell ?? "null")), "broker"]),
        );
        printTable(table);
      }),
    );
  return new Command("cluster")
    .description("tell about the cluster (kafka-cluster)")
    .addCommand(connectionOptions(clusterId))
    .addCommand(connectionOptions(listEndpoints));
}
