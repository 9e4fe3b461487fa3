// Prints what Ridethrough must do, and the tests that prove it, run just now. Ends with 1 when something has no test, or
// one that does not pass.
import { isProved, runProofs } from '../proof/run.ts'
import { findTags, ownTags } from '../proof/tags.ts'
import { REQUIREMENTS } from './table.ts'

const files = [...new Set((await findTags(ownTags)).map(({ file }) => file))]
console.log(`Running ${files.length} files of tests …\n`)
const proofs = await runProofs(files, ownTags)
for (const { number, words } of REQUIREMENTS) {
  const own = proofs.get(number) ?? []
  console.log(`${(isProved(own) ? 'pass' : 'FAIL').padEnd(6)}${number.padEnd(5)} ${words}`)
  for (const { name, file, passed } of own) {
    console.log(`${' '.repeat(12)}${passed ? '✓' : '✗'} ${name.replace(/ *\[[^\]]*\]/g, '')} (${file})`)
  }
  if (own.length === 0) console.log(`${' '.repeat(12)}no test says that it proves this`)
}
const failing = REQUIREMENTS.filter(({ number }) => !isProved(proofs.get(number)))
const tests = new Set([...proofs.values()].flat().map(({ file, name }) => `${file} ${name}`)).size
console.log(`\n${REQUIREMENTS.length - failing.length} of ${REQUIREMENTS.length} are proved, by ${tests} tests.`)
if (failing.length > 0) {
  console.log(`Without a passing test: ${failing.map(({ number }) => number).join(' ')}`)
  process.exitCode = 1
}
