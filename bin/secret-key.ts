// The key of an installation that `start` runs: made once, for its owner's eyes only.
import { randomBytes } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The key in `dataDir/secret.key`, made if there is none: 32 random bytes as base64. */
export async function keptSecretKey(dataDir: string): Promise<string> {
  const path = join(dataDir, 'secret.key')
  try {
    // `wx`: never written over, so what was sealed with it opens for as long as the folder is kept.
    const file = await open(path, 'wx', 0o600)
    const key = randomBytes(32).toString('base64')
    try {
      await file.writeFile(`${key}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    return key
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    return (await readFile(path, 'utf8')).trim()
  }
}
