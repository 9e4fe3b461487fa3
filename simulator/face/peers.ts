// Programs that nobody here wrote, run against the simulator by its tests: net-snmp's tools and NUT's snmp-ups.
import { execFile } from 'node:child_process'
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { SnmpAccess } from '../config.ts'

export type Ran = { readonly code: number; readonly out: string; readonly error: string }
export type Target = { readonly address: string; readonly snmp: SnmpAccess }

const PLACES = ['/usr/bin', '/usr/sbin', '/usr/local/bin']

/** Absolute path of a program. Throws one line that names the Debian package when it is not installed. */
export function findPeer(program: string, debianPackage: string): string {
  const paths = program.startsWith('/') ? [program] : PLACES.map((place) => join(place, program))
  const found = paths.find(isExecutable)
  if (!found) throw new Error(`${program} is not installed: apt-get install ${debianPackage}`)
  return found
}

/** A folder of its own for a peer's configuration and state; `remove` takes it away. */
export function makeFolder() {
  const path = mkdtempSync(join(tmpdir(), 'ridethrough-peer-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

type SnmpTool = 'snmpget' | 'snmpgetnext' | 'snmpwalk' | 'snmpbulkwalk' | 'snmpbulkget' | 'snmpset'

/** Runs one of net-snmp's tools with numeric output. `access` replaces the target's own. */
export function runSnmp(tool: SnmpTool, target: Target, args: readonly string[], access = target.snmp): Promise<Ran> {
  const folder = makeFolder()
  const environment = { MIBS: '', SNMPCONFPATH: folder.path, SNMP_PERSISTENT_DIR: folder.path }
  // -Oqne: numeric OIDs, bare values, numbers for enumerations; -Ot: ticks as a number.
  const common = ['-Oqnet', '-t', '5', '-r', '1', ...credentials(access), target.address]
  return run(findPeer(tool, 'snmp'), [...common, ...args], environment).finally(folder.remove)
}

/** Lines of `oid value`, as the tools print them with -Oqn, without the leading dot and the quotes. */
export function parseLines(out: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of out.split('\n')) {
    const match = /^\.?([\d.]+) (.*)$/.exec(line)
    if (match?.[1] !== undefined) values.set(match[1], (match[2] ?? '').replace(/^"(.*)"$/, '$1'))
  }
  return values
}

/** What NUT's snmp-ups driver reads from a device in one go: its variables by name. */
export async function runNut(target: Target): Promise<Map<string, string>> {
  const driver = findPeer('/lib/nut/snmp-ups', 'nut-snmp')
  const folder = makeFolder()
  try {
    const [conf, state] = [join(folder.path, 'conf'), join(folder.path, 'state')]
    mkdirSync(conf)
    mkdirSync(state)
    writeFileSync(join(conf, 'nut.conf'), 'MODE=standalone\n')
    writeFileSync(join(conf, 'ups.conf'), ['[unit]', 'driver=snmp-ups', ...nutSettings(target), ''].join('\n'), {
      mode: 0o600,
    })
    const environment = {
      NUT_CONFPATH: conf,
      NUT_STATEPATH: state,
      MIBS: '',
      SNMPCONFPATH: folder.path,
      SNMP_PERSISTENT_DIR: folder.path,
    }
    const ran = await run(driver, ['-a', 'unit', '-u', userInfo().username, '-d1'], environment)
    if (ran.code !== 0) throw new Error(`snmp-ups ended with ${ran.code}: ${ran.error.slice(-500)}`)
    return new Map(
      ran.out.split('\n').flatMap((line) => {
        const match = /^([a-z][A-Za-z0-9.-]*): (.*)$/.exec(line)
        return match?.[1] === undefined ? [] : [[match[1], match[2] ?? ''] as const]
      }),
    )
  } finally {
    folder.remove()
  }
}

function credentials(access: SnmpAccess): string[] {
  if (access.version !== 'v3') return [`-${access.version}`, '-c', access.community]
  const { user, authProtocol, authKey, privKey } = access
  const auth = authProtocol.toUpperCase().replace(/^SHA(?=\d)/, 'SHA-')
  return ['-v3', '-l', 'authPriv', '-u', user, '-a', auth, '-A', authKey, '-x', 'AES', '-X', privKey]
}

function nutSettings({ address, snmp }: Target): string[] {
  const port = `port=${address}`
  if (snmp.version !== 'v3') return [port, `community=${snmp.community}`, `snmp_version=${snmp.version}`]
  return [
    port,
    'snmp_version=v3',
    'secLevel=authPriv',
    `secName=${snmp.user}`,
    `authProtocol=${snmp.authProtocol.toUpperCase()}`,
    `authPassword=${snmp.authKey}`,
    'privProtocol=AES',
    `privPassword=${snmp.privKey}`,
  ]
}

// Through env(1), so that a peer has what it needs on top of what it inherits.
function run(program: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Ran> {
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const options = { timeout: 25_000, maxBuffer: 4 * 1024 * 1024 }
  return new Promise((resolve) => {
    execFile('/usr/bin/env', [...assignments, program, ...args], options, (error, out, problem) => {
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, out, error: problem })
    })
  })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}
