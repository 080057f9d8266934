// Unpacks the browser of @sparticuz/chromium into the folder given: its program, and the libraries and fonts that a bare
// machine lacks.
import { createReadStream, createWriteStream, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { extract } from "tar-fs";

const folder = resolve(process.argv[2]);
const unpack = (name, into) =>
  pipeline(
    createReadStream(new URL(`node_modules/@sparticuz/chromium/bin/${name}.br`, import.meta.url)),
    createBrotliDecompress(),
    into,
  );

rmSync(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await unpack("al2023.tar", extract(folder));
await unpack("fonts.tar", extract(folder));
// The package's own configuration names other folders; and where no font is found, a page's texts have no height.
writeFileSync(join(folder, "fonts.conf"), `<fontconfig><dir>${folder}/fonts</dir></fontconfig>\n`);
await unpack("chromium", createWriteStream(join(folder, "unfinished"), { mode: 0o755 }));
renameSync(join(folder, "unfinished"), join(folder, "chromium")); // last, so that one that stands there is whole
