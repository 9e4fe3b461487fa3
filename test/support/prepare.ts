// What the tests need beyond npm: real peers and a browser, from Debian's packages. Installed where we may, named where not.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

type Need = { readonly file: string; readonly debianPackage: string }

const NEEDS: readonly Need[] = [
  { file: '/usr/bin/chromium', debianPackage: 'chromium' },
  { file: '/usr/bin/snmpget', debianPackage: 'snmp' },
  { file: '/usr/sbin/snmpd', debianPackage: 'snmpd' },
  { file: '/usr/sbin/mosquitto', debianPackage: 'mosquitto' },
  { file: '/usr/bin/upsc', debianPackage: 'nut-client' },
  { file: '/lib/nut/upsd', debianPackage: 'nut-server' },
  { file: '/lib/nut/snmp-ups', debianPackage: 'nut-snmp' },
  { file: '/usr/bin/prometheus', debianPackage: 'prometheus' },
]

const missing = () => NEEDS.filter((need) => !existsSync(need.file)).map((need) => need.debianPackage)

function apt(...words: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', ['-qq', ...words], { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
}

if (missing().length > 0 && process.getuid?.() === 0) {
  console.log(`installing from Debian: ${missing().join(' ')}`)
  apt('update')
  // The peers are started by the tests themselves, on ports of their own: no service is to run beside them.
  apt('-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', ...missing())
}
if (missing().length > 0) {
  console.error(`npm test needs these Debian packages: apt-get install ${missing().join(' ')}`)
  process.exit(1)
}
