// A real MQTT broker that is none of ours: Debian's mosquitto, to be killed and started again at will.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const PATH = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto'].find((path) => existsSync(path))

export const hasMosquitto = PATH !== undefined

export type Mosquitto = { readonly port: number; start(): Promise<void>; kill(): Promise<void> }

export async function startMosquitto(): Promise<Mosquitto> {
  const port = await freePort()
  let child: ChildProcess | undefined
  async function start(): Promise<void> {
    // Its own default configuration: this host only, anybody, nothing kept on disk.
    child = spawn(PATH ?? 'mosquitto', ['-p', String(port)], { stdio: 'ignore' })
    while (!(await answers(port))) await delay(20)
  }
  async function kill(): Promise<void> {
    const dying = child
    if (!dying || dying.exitCode !== null || dying.signalCode !== null) return
    const exited = new Promise((resolve) => dying.once('exit', resolve))
    dying.kill('SIGKILL')
    await exited
  }
  await start()
  return { port, start, kill }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
