/** `kedge cluster`: kafka-cluster. */
import { Command } from "commander";
import { type ConnectionOptions, connectionOptions, withAdmin } from "../connection.ts";

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
        const { nodes } = await admin.describeCluster();
        const rows = nodes.map((node) => [node.id, node.host, node.port, node.rack, "unfenced"]);
        const table = [["ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"]].concat(
          rows.map((row) => [...row.map((cell) => String(cell ?? "null")), "broker"]),
        );
        const widths = table[0]?.map((_, at) =>
          Math.max(...table.map((r) => (r[at] ?? "").length)),
        );
        for (const row of table) {
          console.log(
            row
              .map((cell, at) => cell.padEnd((widths?.[at] ?? 0) + 1))
              .join("")
              .trimEnd(),
          );
        }
      }),
    );
  return new Command("cluster")
    .description("tell about the cluster (kafka-cluster)")
    .addCommand(connectionOptions(clusterId))
    .addCommand(connectionOptions(listEndpoints));
}
