/** What leaves the checkout: the deployment's bundle, the client, the installed package. */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT, run, temporaryFolder } from "./service.ts";

const folder = temporaryFolder();
const bin = (name: string): string => join(ROOT, "node_modules/.bin", name);

beforeAll(async () => {
  const { code, stdout, stderr } = await run("npm", ["run", "build"]);
  expect(code, stdout + stderr).toBe(0);
});

afterAll(() => rmSync(folder, { recursive: true }));

describe("deployment", () => {
  test("wrangler deploy --dry-run takes the Worker as it is", async () => {
    const args = ["deploy", "--dry-run", "--outdir", join(folder, "worker")];
    const env = { WRANGLER_SEND_METRICS: "false", CI: "1" };
    const { code, stdout, stderr } = await run(bin("wrangler"), args, { env });
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/env\.PARTITION \(Partition\)\s+Durable Object/);
    expect(stdout).toMatch(/env\.CATALOGUE \(kedge-catalogue\)\s+D1 Database/);
    expect(stdout + stderr).not.toContain("WARNING");
    expect(readdirSync(join(folder, "worker"))).toContain("index.js");
  });
});

/** A project that has installed Kedge: the files that are published, and what they depend on. */
function installed(): string {
  const project = join(folder, "project");
  const modules = join(project, "node_modules");
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  mkdirSync(join(modules, "kedge"), { recursive: true });
  for (const name of ["package.json", ...manifest.files]) {
    cpSync(join(ROOT, name), join(modules, "kedge", name), { recursive: true });
  }
  for (const name of Object.keys(manifest.dependencies)) {
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  }
  return project;
}

describe("the installed package", () => {
  test("kedge/client is one module that needs nothing but the Web's APIs", async () => {
    const text = readFileSync(join(ROOT, "dist/client/mod.js"), "utf8");
    expect(text).not.toMatch(/\bfrom\s*"|\brequire\(|\bprocess\./);
    const project = installed();
    writeFileSync(join(project, "package.json"), '{"type":"module"}');
    writeFileSync(
      join(project, "use.mjs"),
      'import * as client from "kedge/client";\n' +
        'new client.Producer({ "bootstrap.servers": "http://127.0.0.1:8787" });\n' +
        'console.log(Object.keys(client).includes("Admin"));\n',
    );
    expect(await run(process.execPath, ["use.mjs"], { cwd: project })).toMatchObject({
      stdout: "true\n",
      stderr: "",
      code: 0,
    });
    writeFileSync(
      join(project, "use.ts"),
      'import { Producer, type RecordMetadata } from "kedge/client";\n' +
        'const producer = new Producer({ "bootstrap.servers": "x" });\n' +
        'const sent: RecordMetadata = await producer.send({ topic: "t", value: "v" });\n' +
        "export const offset: number = sent.offset;\n" +
        "export const wrong: string = sent.offset;\n",
    );
    const options = [
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--lib",
      "es2024,dom",
    ];
    const types = await run(bin("tsc"), ["--noEmit", "--ignoreConfig", ...options, "use.ts"], {
      cwd: project,
    });
    expect(types.stdout.match(/error TS/g)).toHaveLength(1);
    expect(types.stdout).toContain("use.ts(5,14)");
    const kedge = join(project, "node_modules/kedge/src/cli/kedge.mjs");
    const help = await run(process.execPath, [kedge, "topics", "--help"], { cwd: project });
    expect(help.stdout, help.stderr).toContain("--replica-assignment");
    const serve = await run(
      process.execPath,
      [kedge, "serve", "--port", "0", "--kafka-port", "0"],
      { cwd: project },
    );
    expect(serve.stderr).toContain("npm install --save-dev miniflare esbuild");
  });
});
