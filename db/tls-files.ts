// The certificate and key that a server shows, read from files, and read again when they change.
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { Logger } from 'pino'
import type { Clock } from './clock.ts'

export type TlsPaths = { readonly certPath: string; readonly keyPath: string }

/** PEM; `cert` is the server's own certificate, followed by those that lead to its root. */
export type TlsPair = { readonly cert: Buffer; readonly key: Buffer; readonly expiresAt: Date }

export type TlsFilesOptions = TlsPaths & {
  /** A new pair is to be shown from now on. */
  readonly onChange: (pair: TlsPair) => void
  readonly clock: Clock
  readonly log: Logger
}

/** Both files are written one after the other: a look between the two would find a key that does not fit. */
const DEBOUNCE_MS = 500
/** Not every file system tells of changes, and a link above the folder may be turned elsewhere. */
const LOOK_ANYWAY_MS = 600_000
const SOON_MS = 14 * 86_400_000

export class TlsFiles {
  readonly #options: TlsFilesOptions
  #pair: TlsPair
  /** Of what was looked at last, good or not: the same mistake is told once. */
  #digest: string
  #watchers: FSWatcher[] = []
  #debounce: NodeJS.Timeout | undefined
  #regular: NodeJS.Timeout | undefined
  #look: Promise<void> = Promise.resolve()
  #isStopped = false

  private constructor(options: TlsFilesOptions, pair: TlsPair) {
    this.#options = options
    this.#pair = pair
    this.#digest = digestOf(pair)
  }

  /** @throws an Error that names the file at fault. */
  static async start(options: TlsFilesOptions): Promise<TlsFiles> {
    const files = new TlsFiles(options, readPair(await readBoth(options), options))
    files.#tell('serving TLS')
    files.#watch()
    files.#regular = setInterval(() => {
      files.#watch()
      files.#lookAgain()
    }, LOOK_ANYWAY_MS)
    return files
  }

  get pair(): TlsPair {
    return this.#pair
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#debounce)
    clearInterval(this.#regular)
    for (const watcher of this.#watchers) watcher.close()
    await this.#look
  }

  // The folders, not the files: renewals replace files or turn links, and a watch on a file stays with the old one.
  #watch(): void {
    const { certPath, keyPath, log } = this.#options
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
    for (const folder of new Set([dirname(certPath), dirname(keyPath)])) {
      try {
        const watcher = watch(folder, () => this.#soon())
        watcher.on('error', (error) => log.warn({ err: error, folder }, 'changes of TLS files are noticed late'))
        this.#watchers.push(watcher)
      } catch (error) {
        log.warn({ err: error, folder }, 'changes of TLS files are noticed late')
      }
    }
  }

  #soon(): void {
    clearTimeout(this.#debounce)
    this.#debounce = setTimeout(() => this.#lookAgain(), DEBOUNCE_MS)
  }

  #lookAgain(): void {
    if (this.#isStopped) return
    this.#look = this.#look.then(() => this.#readAgain())
  }

  async #readAgain(): Promise<void> {
    const { clock, log, onChange } = this.#options
    try {
      const bytes = await readBoth(this.#options)
      const digest = digestOf(bytes)
      if (digest === this.#digest || this.#isStopped) return
      this.#digest = digest
      const pair = readPair(bytes, this.#options)
      if (pair.expiresAt.getTime() <= clock.now() && this.#pair.expiresAt.getTime() > clock.now()) {
        throw new Error(`the certificate in ${this.#options.certPath} has expired on ${pair.expiresAt.toISOString()}`)
      }
      this.#pair = pair
      onChange(pair)
      this.#tell('serving a new TLS certificate')
    } catch (error) {
      log.error({ err: error }, 'the new TLS files cannot be used, the ones before stay in use')
    }
  }

  #tell(what: string): void {
    const { certPath, clock, log } = this.#options
    const { expiresAt } = this.#pair
    const left = expiresAt.getTime() - clock.now()
    const fields = { certificate: certPath, expiresAt: expiresAt.toISOString() }
    if (left <= 0) log.error(fields, `${what}, which has expired`)
    else if (left < SOON_MS) log.warn(fields, `${what}, which expires soon`)
    else log.info(fields, what)
  }
}

async function readBoth({ certPath, keyPath }: TlsPaths): Promise<{ cert: Buffer; key: Buffer }> {
  return { cert: await readNamed(certPath, 'certificate'), key: await readNamed(keyPath, 'key') }
}

async function readNamed(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new Error(`the TLS ${what} ${path} cannot be read`, { cause: error })
  }
}

function readPair({ cert, key }: { cert: Buffer; key: Buffer }, { certPath, keyPath }: TlsPaths): TlsPair {
  const certificate = attempt(() => new X509Certificate(cert), `${certPath} holds no certificate in PEM`)
  const secret: KeyObject = attempt(() => createPrivateKey(key), `${keyPath} holds no key in PEM without a passphrase`)
  if (!certificate.checkPrivateKey(secret)) {
    throw new Error(`the key in ${keyPath} is not the one of the certificate in ${certPath}`)
  }
  // What follows the first certificate is looked at here: a broken chain would only show when a client connects.
  attempt(() => createSecureContext({ cert, key }), `${certPath} and ${keyPath} cannot be used for TLS`)
  return { cert, key, expiresAt: certificate.validToDate }
}

function attempt<T>(make: () => T, message: string): T {
  try {
    return make()
  } catch (error) {
    throw new Error(message, { cause: error })
  }
}

function digestOf({ cert, key }: { readonly cert: Buffer; readonly key: Buffer }): string {
  return createHash('sha256').update(cert).update('\0').update(key).digest('hex')
}
