// The console's files, built by Vite when they are older than their sources.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
export const WEB_DIST = join(ROOT, 'web/dist')

/** The console is built when it never was, or when its sources are newer. */
export async function buildConsole(say: (line: string) => void): Promise<void> {
  const built = join(WEB_DIST, 'index.html')
  if (
    existsSync(built) &&
    statSync(built).mtimeMs > newest(join(ROOT, 'web')) &&
    statSync(built).mtimeMs > newest(join(ROOT, 'protocol'))
  )
    return
  say('Building the console …')
  const vite = spawn(
    process.execPath,
    [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', 'web', '--logLevel', 'warn'],
    {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let said = ''
  vite.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const code = await new Promise((resolve) => vite.once('exit', resolve))
  if (code !== 0) throw new Error(`the console could not be built:\n${said.slice(-2000)}`)
}

function newest(folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !/\b(dist|node_modules)\b/.test(entry.parentPath))
    .reduce((time, entry) => Math.max(time, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0)
}
