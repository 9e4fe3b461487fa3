// One Ridethrough per data folder: a second one would end the first one's database.
import { readFileSync } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Throws with a sentence for people when another process holds the folder. Answers how to let go of it. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'lock')
  const mine = `${process.pid} ${startOf(process.pid)}\n`
  for (;;) {
    try {
      const file = await open(path, 'wx', 0o600)
      await file.writeFile(mine)
      await file.close()
      return async () => {
        if ((await readFile(path, 'utf8').catch(() => '')) === mine) await rm(path, { force: true })
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const [pid, start] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ')
    if (pid && start && startOf(Number(pid)) === start) {
      throw new Error(`${folder} is in use by process ${pid}: stop it first, or set DATA_DIR to another folder`)
    }
    // Its holder is gone (kill -9, a power cut): process ids repeat, start times don't.
    await rm(path, { force: true })
  }
}

/** When a process began, in the kernel's ticks since boot (proc(5), stat field 22); '' when there is none. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}
