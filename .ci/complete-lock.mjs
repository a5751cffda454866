// Completes package-lock.json: a registry mirror that does not carry every platform's build of a
// package (say the macOS build of workerd) makes `npm install` leave it out of the lock, and then
// `npm ci` refuses the lock everywhere. Each missing entry is named, with the version its owner asks.
// Usage: node .ci/complete-lock.mjs [package-lock.json]
import { readFileSync, writeFileSync } from "node:fs";

const file = process.argv[2] ?? "package-lock.json";
const lock = JSON.parse(readFileSync(file, "utf8"));
const added = [];

const platformOf = (name) => {
  const os = /darwin|win32|windows|android|freebsd|netbsd|openbsd|sunos|aix|linux/.exec(name)?.[0];
  const cpu = /arm64|x64|-64$|ia32|riscv64|ppc64|s390x|loong64|arm/.exec(name)?.[0];
  if (os === undefined || cpu === undefined) {
    throw new Error(`cannot tell the platform of ${name}: add its lock entry by hand`);
  }
  return {
    os: [os === "windows" ? "win32" : os],
    cpu: [cpu === "-64" ? "x64" : cpu],
    ...(name.endsWith("-musl") ? { libc: ["musl"] } : {}),
  };
};

for (const [path, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`${path}/node_modules/${name}`] ?? lock.packages[`node_modules/${name}`]) {
      continue;
    }
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(entry.dev ? { dev: true } : {}),
      ...(entry.license ? { license: entry.license } : {}),
      optional: true,
      ...platformOf(name),
    };
    added.push(`${name}@${version}`);
  }
}

lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "complete" : `added ${added.join(", ")}`);
