// Prints what OWASP ASVS 5.0.0 asks in chapters 6 to 8, and the tests that prove it, run just now. Ends with 1 when a
// requirement that we claim has no test, or one that does not pass.
import { isProved, runProofs } from '../proof/run.ts'
import { asvsTags, findTags } from '../proof/tags.ts'
import { REQUIREMENTS, type Requirement } from './table.ts'

const CHAPTERS = { 6: 'Authentication', 7: 'Session management', 8: 'Authorization' } as const

const files = [...new Set((await findTags(asvsTags)).map(({ file }) => file))]
console.log(`Running ${files.length} files of tests …\n`)
const proofs = await runProofs(files, asvsTags)
const failing = REQUIREMENTS.filter((one) => one.claim !== 'open' && !isProved(proofs.get(one.number)))
for (const [chapter, title] of Object.entries(CHAPTERS)) {
  console.log(`V${chapter} ${title}`)
  for (const requirement of REQUIREMENTS.filter(({ number }) => number.startsWith(`${chapter}.`))) print(requirement)
  console.log()
}
summarise()
if (failing.length > 0) process.exitCode = 1

function print(requirement: Requirement): void {
  const { number, level, words, claim, how } = requirement
  console.log(`${verdict(requirement).padEnd(8)} ${number.padEnd(7)} L${level}  ${words}`)
  console.log(`${' '.repeat(21)}${claim === 'foreign' ? 'not asked of us: ' : ''}${how}`)
  for (const { name, file, passed } of proofs.get(number) ?? []) {
    console.log(`${' '.repeat(21)}${passed ? '✓' : '✗'} ${name.replace(/ *\[ASVS [^\]]*\]/g, '')} (${file})`)
  }
}

function verdict(requirement: Requirement): string {
  if (requirement.claim === 'open') return 'open'
  if (!isProved(proofs.get(requirement.number))) return 'FAILS'
  return requirement.claim === 'foreign' ? 'absent' : 'proved'
}

function summarise(): void {
  const count = (which: string) => REQUIREMENTS.filter((one) => verdict(one) === which).length
  const tests = new Set([...proofs.values()].flat().map(({ file, name }) => `${file} ${name}`)).size
  console.log(
    `${count('proved')} requirements are proved and ${count('absent')} shown not to be asked of us, by ${tests} tests; ${count('open')} are open.`,
  )
  if (failing.length > 0) console.log(`Without a passing test: ${failing.map(({ number }) => number).join(' ')}`)
}
