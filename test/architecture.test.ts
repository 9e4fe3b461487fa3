// Imports go one way, and a part imports only what its package.json names.
import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')

/** What each part may import of ours, itself aside. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  db: ['protocol'],
  broker: ['db', 'protocol'],
  api: ['db', 'protocol'],
  agent: ['protocol'],
  simulator: ['protocol'],
  web: ['protocol'],
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s(?:(type)\s)?(?:[^'"`;]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g

type Import = { readonly file: string; readonly specifier: string; readonly isType: boolean }

async function importsOf(part: string): Promise<Import[]> {
  const found: Import[] = []
  for await (const file of glob(`${part}/**/*.{ts,tsx}`, {
    cwd: ROOT,
    exclude: (path) => /node_modules|\bdist\b/.test(path),
  })) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    for (const match of text.matchAll(IMPORT))
      found.push({ file, specifier: match[2] ?? match[3] ?? '', isType: match[1] === 'type' })
  }
  return found
}

/** The part that a specifier leads to, or `undefined` when it is a package or built in. */
function partOf({ file, specifier }: Import): string | undefined {
  const scoped = /^@ridethrough\/([a-z]+)/.exec(specifier)
  if (scoped) return scoped[1]
  if (!specifier.startsWith('.')) return undefined
  return relative(ROOT, join(ROOT, dirname(file), specifier)).split('/')[0]
}

/** Tests, and what only tests use. */
const isTest = (file: string) => /\.test\.tsx?$|\/support\/|\/testing\.ts$/.test(file)

/** `@types/ws` gives the types of `ws`. */
function typed(devDependencies: Readonly<Record<string, string>> = {}): string[] {
  return Object.keys(devDependencies)
    .filter((name) => name.startsWith('@types/'))
    .map((name) => name.slice('@types/'.length))
}

describe.each(Object.keys(MAY_IMPORT))('%s', (part) => {
  test('imports only the parts below it', async () => {
    const wrong = (await importsOf(part))
      .map((one) => ({ ...one, to: partOf(one) }))
      .filter(
        ({ file, to }) =>
          to !== undefined && to !== part && !MAY_IMPORT[part]?.includes(to) && !(isTest(file) && to === 'test'),
      )
    expect(wrong).toEqual([])
  })

  test('imports only packages that its package.json names', async () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, part, 'package.json'), 'utf8'))
    const root = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const own = new Set(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }))
    const ofTests = new Set([
      ...own,
      ...Object.keys({ ...manifest.devDependencies, ...root.devDependencies }),
      ...typed(manifest.devDependencies),
    ])
    // Tests stand on the database and on the test folder's world, whatever part they are of.
    const ofWorkshop = new Set(['pino', 'kysely', '@ridethrough/test'])
    const wrong = (await importsOf(part)).filter(({ file, specifier, isType }) => {
      if (specifier.startsWith('.') || specifier.startsWith('node:') || builtinModules.includes(specifier)) return false
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')
      const mayBeDev = isTest(file) || isType || file.endsWith('.config.ts') || file.startsWith('web/')
      return !(mayBeDev ? ofTests : own).has(name) && !(isTest(file) && ofWorkshop.has(name))
    })
    expect(wrong).toEqual([])
  })
})

test('inside the agent, codecs, drivers and transports do not look up', async () => {
  const levels = ['codec', 'transport', 'driver']
  const wrong = (await importsOf('agent')).filter(({ file, specifier, isType }) => {
    const from = file.split('/')[1] ?? ''
    // The shape of a transport may be known to a driver, its sockets not.
    if (isType || isTest(file) || !levels.includes(from) || !specifier.startsWith('.')) return false
    const to = relative(join(ROOT, 'agent'), join(ROOT, dirname(file), specifier)).split('/')[0] ?? ''
    const mayReach: Readonly<Record<string, readonly string[]>> = {
      codec: ['codec'],
      transport: ['transport', 'codec'],
      driver: ['driver', 'codec'],
    }
    return !mayReach[from]?.includes(to)
  })
  expect(wrong).toEqual([])
})

test('only config.ts reads the environment', async () => {
  const wrong: string[] = []
  for (const part of Object.keys(MAY_IMPORT)) {
    for await (const file of glob(`${part}/**/*.ts`, {
      cwd: ROOT,
      exclude: (path) => /node_modules|\bdist\b/.test(path),
    })) {
      if (isTest(file) || /(^|\/)(config|vite\.config)\.ts$/.test(file)) continue
      if (/process\.env\b/.test(readFileSync(join(ROOT, file), 'utf8'))) wrong.push(file)
    }
  }
  expect(wrong).toEqual([])
})

test('only db/ builds SQL', async () => {
  const wrong: string[] = []
  for (const part of Object.keys(MAY_IMPORT).filter((one) => one !== 'db')) {
    const imports = await importsOf(part)
    wrong.push(
      ...imports
        .filter(({ file, specifier }) => !isTest(file) && /^(kysely|pg)$/.test(specifier))
        .map(({ file }) => file),
    )
  }
  expect(wrong).toEqual([])
})
