/** `kedge doctor`: is anything wrong with a deployment? Kafka has no such tool. */
import { Command, InvalidArgumentError } from "commander";
import { type ConnectionOptions, connection, connectionOptions } from "../connection.ts";
import { diagnose, type Finding } from "../doctor/diagnosis.ts";
import { examine, type GatewayAddress } from "../doctor/examination.ts";

interface DoctorOptions extends ConnectionOptions {
  gateway?: GatewayAddress;
  json?: true;
}

const MARKS: Readonly<Record<Finding["status"], string>> = {
  ok: "ok     ",
  problem: "PROBLEM",
  skipped: "skipped",
};

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("check a deployment, and say what is wrong and what to do; exit code 1 if so")
    .option("--gateway <host:port>", "also see whether a gateway answers there", gatewayAddress)
    .option("--json", "print the findings as JSON");
  return connectionOptions(command).action(runDoctor);
}

async function runDoctor(options: DoctorOptions): Promise<void> {
  const findings = diagnose(await examine(connection(options), options.gateway ?? null));
  const problems = findings.filter(({ status }) => status === "problem").length;
  if (options.json === true) {
    console.log(JSON.stringify({ healthy: problems === 0, findings }, null, 2));
  } else {
    console.log(findings.map(line).join("\n"));
    console.log(problems === 0 ? "Nothing is wrong." : `${problems} problem(s) found.`);
  }
  if (problems > 0) process.exitCode = 1;
}

function line({ check, status, found, advice }: Finding): string {
  const told = `${MARKS[status]}  ${check}: ${found}`;
  return advice === null ? told : `${told}\n         → ${advice}`;
}

/** `127.0.0.1:9092`, `[::1]:9092`. */
function gatewayAddress(text: string): GatewayAddress {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65_535) {
    throw new InvalidArgumentError("host:port is needed, such as 127.0.0.1:9092.");
  }
  return { host, port };
}
