// Where in a YAML file a mistake stands, and the sentence that mends it.
import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from 'yaml'
import type { z } from 'zod'

/** `line` counts from 1; 0 is the file as a whole. */
export type Mistake = { readonly line: number; readonly message: string }

type Finding = Mistake & { readonly isMissing?: true | undefined }

type Path = readonly PropertyKey[]
type Issue = z.core.$ZodIssue

export type ParsedYaml = {
  readonly value: unknown
  readonly root: Node | null
  readonly syntax: readonly Mistake[]
  readonly lineAt: (offset: number) => number
}

export function parseYaml(text: string): ParsedYaml {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, strict: true, uniqueKeys: true })
  const lineAt = (offset: number) => counter.linePos(offset).line
  const syntax = [...document.errors, ...document.warnings].map((error) => ({
    line: lineAt(error.pos[0]),
    message: syntaxMessage(error.code, error.message),
  }))
  // A broken document may not turn into a value at all (an alias without its anchor, for one).
  let value: unknown = null
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    syntax.push({ line: 1, message: `YAML: ${error.message}` })
  }
  return { value, root: document.contents, syntax, lineAt }
}

/** All mistakes in the order of the file. After a syntax error the rest is guesswork, so only what stands above it is judged. */
export function findMistakes(
  yaml: ParsedYaml,
  issues: readonly Issue[],
  hints: Readonly<Record<string, string>>,
): Mistake[] {
  const meant = [...issues.flatMap((issue) => describe(yaml, issue, hints)), ...crossChecks(yaml, hints)]
  const firstBroken = Math.min(...yaml.syntax.map(({ line }) => line))
  const sure =
    yaml.syntax.length === 0 ? meant : meant.filter(({ line, isMissing }) => line < firstBroken && !isMissing)
  // One syntax error makes the parser stumble on; the first on a line is the one to mend.
  const syntax = yaml.syntax.filter(({ line }, index) => yaml.syntax.findIndex((one) => one.line === line) === index)
  return unique([...syntax, ...sure]).sort((a, b) => a.line - b.line)
}

/** A mistake that shows only outside of the file. */
export function mistakeAt(yaml: ParsedYaml, path: Path, message: string): Mistake {
  return { line: lineOf(yaml, path), message: `${placeOf(path)}: ${message}` }
}

function describe(yaml: ParsedYaml, issue: Issue, hints: Readonly<Record<string, string>>): Finding[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(yaml, issue.path, key, hints))
  }
  const place = placeOf(issue.path)
  const hint = hints[patternOf(issue.path)] ?? 'see the example in the manual'
  const found = nodeAt(yaml.root, issue.path)
  const line = lineOf(yaml, issue.path)
  if (!found) return [{ line, message: `${place} is missing: ${hint}`, isMissing: true }]
  return [{ line, message: `${place} is ${shown(found, issue.path)}: ${hint}` }]
}

function unknownKey(yaml: ParsedYaml, path: Path, key: string, hints: Readonly<Record<string, string>>): Mistake {
  const prefix = patternOf(path)
  const known = Object.keys(hints).flatMap((hint) => {
    const rest = prefix === '' ? hint : hint.startsWith(`${prefix}.`) ? hint.slice(prefix.length + 1) : ''
    return rest !== '' && !/[.[]/.test(rest) ? [rest] : []
  })
  const near = known.find((name) => distance(name.toLowerCase(), key.toLowerCase()) <= 2)
  const advice = near ? `did you mean "${near}"?` : `remove it, or use one of ${known.join(', ')}`
  const where = path.length > 0 ? ` in ${placeOf(path)}` : ''
  return { line: lineOf(yaml, [...path, key]), message: `"${key}" is not known${where}: ${advice}` }
}

/** What no single field shows: names used twice, and credentials that do not fit the version. */
function crossChecks(yaml: ParsedYaml, hints: Readonly<Record<string, string>>): Finding[] {
  const devices = child(yaml.value, 'devices')
  const ofServer = checkServer(yaml)
  if (!Array.isArray(devices)) return ofServer
  const lineOfName = new Map<string, number>()
  const ofDevices = devices.flatMap((device: unknown, index) => {
    const mistakes: Finding[] = []
    const name = child(device, 'name')
    const line = lineOf(yaml, ['devices', index, 'name'])
    if (typeof name === 'string' && name.trim() !== '') {
      const first = lineOfName.get(name.trim())
      if (first === undefined) lineOfName.set(name.trim(), line)
      else
        mistakes.push({ line, message: `the name "${name}" stands on line ${first} already: give each device its own` })
    }
    return [...mistakes, ...checkAccess(yaml, ['devices', index, 'snmp'], child(device, 'snmp'), hints)]
  })
  return [...ofServer, ...ofDevices]
}

/** Certificates, the server's and the agent's own, are shown in TLS only. */
function checkServer(yaml: ParsedYaml): Finding[] {
  const server = child(yaml.value, 'server')
  if (!String(child(server, 'url') ?? '').startsWith('mqtt:')) return []
  const at = (key: string, message: string): Finding => ({ line: lineOf(yaml, ['server', key]), message })
  const mistakes: Finding[] = []
  if (child(server, 'ca') !== undefined) {
    mistakes.push(at('ca', 'server.ca does not go with mqtt://: write mqtts:// in server.url, or remove it'))
  }
  if (child(server, 'identity') === 'certificate') {
    mistakes.push(
      at('identity', 'server.identity certificate does not go with mqtt://: write mqtts:// in server.url, or token'),
    )
  }
  return mistakes
}

function checkAccess(yaml: ParsedYaml, path: Path, snmp: unknown, hints: Readonly<Record<string, string>>): Finding[] {
  const version = String(child(snmp, 'version') ?? '')
  const at = (key: string, message: string, isMissing?: true): Finding => ({
    line: lineOf(yaml, [...path, key]),
    message,
    isMissing,
  })
  const hint = (key: string) => hints[patternOf([...path, key])] ?? ''
  const place = placeOf(path)
  if (version === '1' || version === '2c') {
    if (child(snmp, 'v3') !== undefined) {
      return [at('v3', `${place}.v3 does not go with version ${version}: write version 3, or remove it`)]
    }
    if (child(snmp, 'community') !== undefined) return []
    return [at('community', `${place}.community is missing: ${hint('community')}`, true)]
  }
  if (version !== '3') return []
  const mistakes: Finding[] = []
  if (child(snmp, 'community') !== undefined) {
    mistakes.push(at('community', `${place}.community does not go with version 3: write version 2c, or remove it`))
  }
  const v3 = child(snmp, 'v3')
  if (v3 === undefined) return [...mistakes, at('v3', `${place}.v3 is missing: ${hint('v3')}`, true)]
  return [...mistakes, ...checkLevel(yaml, [...path, 'v3'], v3, hints)]
}

function checkLevel(yaml: ParsedYaml, path: Path, v3: unknown, hints: Readonly<Record<string, string>>): Finding[] {
  const level = child(v3, 'level')
  const auth = ['authProtocol', 'authKey']
  const priv = ['privProtocol', 'privKey']
  const needed = level === 'authPriv' ? [...auth, ...priv] : level === 'authNoPriv' ? auth : []
  const place = placeOf(path)
  return needed
    .filter((key) => child(v3, key) === undefined)
    .map((key) => ({
      line: lineOf(yaml, [...path, key]),
      message: `${place}.${key} is missing, and level ${level} needs it: ${hints[patternOf([...path, key])]}`,
      isMissing: true,
    }))
}

/** The line of a key; where that is missing, of the nearest thing around it that is there. */
function lineOf({ root, lineAt }: ParsedYaml, path: Path): number {
  let node: Node | null = root
  let offset = root?.range?.[0] ?? 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (!pair) break
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset
      node = pair.value as Node | null
    } else if (isSeq(node)) {
      const item = node.items[Number(step)] as Node | undefined
      if (!item) break
      offset = item.range?.[0] ?? offset
      node = item
    } else break
  }
  return lineAt(offset)
}

function nodeAt(root: Node | null, path: Path): Node | null | undefined {
  let node: Node | null | undefined = root
  for (const step of path) {
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (!pair) return undefined
      node = (pair.value as Node | null) ?? undefined
    } else if (isSeq(node)) node = node.items[Number(step)] as Node | undefined
    else return undefined
  }
  return isScalar(node) && node.value === null ? undefined : node
}

/** The value as written; keys and communities stay out of the terminal. */
function shown(node: Node, path: Path): string {
  if (/key$|community/i.test(String(path.at(-1)))) return 'not usable'
  if (isMap(node)) return 'a section'
  if (isSeq(node)) return node.items.length === 0 ? 'an empty list' : 'a list'
  const value = isScalar(node) ? node.value : undefined
  // A password inside a URL is a secret as well.
  return (
    JSON.stringify(value)
      ?.replace(/\/\/[^/@"]*@/, '//…@')
      .slice(0, 80) ?? 'not usable'
  )
}

function placeOf(path: Path): string {
  if (path.length === 0) return 'the file'
  return path
    .map((step) => (typeof step === 'number' ? `[${step + 1}]` : `.${String(step)}`))
    .join('')
    .replace(/^\./, '')
}

function patternOf(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? '[]' : `.${String(step)}`))
    .join('')
    .replace(/^\./, '')
}

function syntaxMessage(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'this key stands twice in its section: keep one of them'
  if (code === 'TAB_AS_INDENT') return 'a tab cannot indent YAML: use spaces'
  if (code === 'BAD_INDENT') return `the indentation does not fit: line it up with the lines around it (${message})`
  return `this is not valid YAML: ${message}`
}

function child(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Record<string, unknown>)[key] ?? undefined
}

function unique(findings: readonly Finding[]): Mistake[] {
  const seen = new Map(findings.map(({ line, message }) => [`${line} ${message}`, { line, message }]))
  return [...seen.values()]
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
