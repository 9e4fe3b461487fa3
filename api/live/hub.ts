// All live connections of this process: each device is read once per change and shown to everybody who may see it.
import type { Clock } from '@ridethrough/db/clock.ts'
import type { Principal } from '@ridethrough/db/edge.ts'
import { type Device, listDevices } from '@ridethrough/db/query/device.ts'
import { countUnreadNotices } from '@ridethrough/db/query/notice.ts'
import { findSharers } from '@ridethrough/db/query/share.ts'
import type { Db } from '@ridethrough/db/schema.ts'
import { ConnectionUses, type Uses } from '@ridethrough/db/uses.ts'
import { LIVE_CLOSE } from '@ridethrough/protocol/http/live.ts'
import { mayOn } from '@ridethrough/protocol/rights.ts'
import type { Logger } from 'pino'
import { silenceOf } from '../freshness.ts'
import type { Metrics } from '../metrics.ts'
import { shareIdsOf } from '../view.ts'
import type { Frame, ShownDevice } from './face.ts'
import type { Viewer } from './viewer.ts'

const TICK_MS = 1000
const HEARTBEAT_MS = 5000

type Known = { device: Device; silence: string | undefined }

export type HubOptions = {
  readonly db: Db
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly uses: Uses
  /** May this process serve rights at this moment? */
  readonly isServing: () => boolean
}

export class LiveHub {
  readonly #options: HubOptions
  readonly #viewers = new Set<Viewer>()
  readonly #watchers = new Map<string, Set<Viewer>>()
  /** The newest known of each device that somebody watches. */
  readonly #known = new Map<string, Known>()
  #waiting = new Set<string>()
  #isReading = false
  /** Accounts whose unread notices are to be counted anew. */
  readonly #noticed = new Set<string>()
  #isCounting = false
  #ticks: NodeJS.Timeout | undefined
  #heartbeatAt = 0

  constructor(options: HubOptions) {
    this.#options = options
  }

  start(): void {
    this.#ticks ??= setInterval(() => this.#tick(), TICK_MS)
  }

  stop(): void {
    clearInterval(this.#ticks)
    this.#ticks = undefined
  }

  get size(): number {
    return this.#viewers.size
  }

  add(viewer: Viewer): void {
    this.#viewers.add(viewer)
    this.#options.metrics.viewers.set(this.#viewers.size)
  }

  remove(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer)) return
    for (const deviceId of viewer.registered) this.#hide(viewer, deviceId)
    this.#options.metrics.viewers.set(this.#viewers.size)
  }

  async watch(viewer: Viewer, devices: 'all' | readonly string[]): Promise<void> {
    const now = this.#options.clock.now()
    if (devices === 'all') viewer.watchesAll = true
    else for (const id of devices) viewer.watched.add(id)
    const unseen = devices === 'all' ? [] : devices.filter((id) => !viewer.maySee(id, now))
    for (const id of unseen) {
      viewer.send({
        type: 'error',
        code: 'not-found',
        message: `There is no device ${id}, or it is not shared with you`,
      })
    }
    viewer.isLoading = true
    await this.#inTurn(viewer, () => this.#show(viewer, viewer.visible(this.#options.clock.now()), true))
  }

  unwatch(viewer: Viewer, devices: 'all' | readonly string[]): void {
    if (devices === 'all') {
      viewer.watchesAll = false
      viewer.watched.clear()
    } else for (const id of devices) viewer.watched.delete(id)
    for (const id of [...viewer.shown.keys()]) {
      if (!viewer.watchesAll && !viewer.watched.has(id)) this.#hide(viewer, id)
    }
  }

  /** New rights are in place: says `gone` at once, and shows in a moment what became visible. The number of viewers that lost something. */
  changed(principals: readonly Principal[]): number {
    const now = this.#options.clock.now()
    let cut = 0
    for (const viewer of this.#viewers) {
      if (!principals.includes(viewer.principal)) continue
      if (viewer.principal.isEnded) {
        cut += 1
        viewer.close(LIVE_CLOSE.signedOut, 'signed out')
        this.remove(viewer)
        continue
      }
      const lost = [...viewer.shown.keys()].filter((id) => !viewer.maySee(id, now))
      for (const id of lost) this.#gone(viewer, id)
      if (lost.length > 0) cut += 1
      this.#run(this.#inTurn(viewer, () => this.#show(viewer, viewer.visible(this.#options.clock.now()), false)))
    }
    return cut
  }

  /** Rights cannot be confirmed any more: nobody is shown anything. */
  lost(): void {
    for (const viewer of [...this.#viewers]) {
      viewer.close(LIVE_CLOSE.rightsUnknown, 'this server cannot confirm rights at the moment')
      this.remove(viewer)
    }
  }

  /** States of these devices may have changed. */
  refresh(deviceIds: Iterable<string>): void {
    for (const id of deviceIds) if (this.#watchers.has(id)) this.#waiting.add(id)
    if (this.#waiting.size > 0) this.#run(this.#readWaiting())
  }

  refreshAgent(agentId: string): void {
    this.refresh(
      [...this.#known.values()].filter(({ device }) => device.agentId === agentId).map(({ device }) => device.id),
    )
  }

  refreshAll(): void {
    this.refresh(this.#watchers.keys())
  }

  /** There are notices for this account, or some were read; `undefined`: perhaps for anybody. */
  tellUnread(accountId?: string): void {
    for (const { hearsNotices, principal } of this.#viewers) {
      if (hearsNotices && (accountId === undefined || principal.id === accountId)) this.#noticed.add(principal.id)
    }
    if (this.#noticed.size > 0) this.#run(this.#countNoticed())
  }

  /** One count at a time, so that an older one never comes last. */
  async #countNoticed(): Promise<void> {
    if (this.#isCounting) return
    this.#isCounting = true
    try {
      while (this.#noticed.size > 0) {
        const accounts = [...this.#noticed]
        this.#noticed.clear()
        const counts = await countUnreadNotices(this.#options.db, accounts)
        if (this.#options.isServing()) this.#sendCounts(counts)
      }
    } finally {
      this.#isCounting = false
    }
  }

  #sendCounts(counts: ReadonlyMap<string, number>): void {
    for (const viewer of this.#viewers) {
      const unread = viewer.hearsNotices ? counts.get(viewer.principal.id) : undefined
      if (unread !== undefined && !viewer.principal.isEnded) viewer.send({ type: 'notices', unread })
    }
  }

  /** One read at a time: what changes meanwhile is read together in the next. */
  async #readWaiting(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    try {
      while (this.#waiting.size > 0) {
        const ids = [...this.#waiting]
        this.#waiting = new Set()
        for (const device of await listDevices(this.#options.db, ids)) this.#push(this.#newest(device) ?? device)
      }
    } finally {
      this.#isReading = false
    }
  }

  #push(device: Device): void {
    const now = this.#options.clock.now()
    const watchers = this.#watchers.get(device.id)
    if (!watchers) return
    const before = this.#known.get(device.id)
    this.#known.set(device.id, { device, silence: silenceOf(device.status, now)?.reason })
    if (before && particularsOf(before.device) !== particularsOf(device)) {
      for (const viewer of watchers) this.#run(this.#inTurn(viewer, () => this.#show(viewer, [device.id], false)))
    }
    // Written once for all who are shown the same.
    const texts = new Map<unknown, string>()
    for (const viewer of watchers) this.#pushTo(viewer, device, texts, now)
  }

  #pushTo(viewer: Viewer, device: Device, texts: Map<unknown, string>, now: number): void {
    const { face, principal } = viewer
    if (!this.#options.isServing() || !viewer.maySee(device.id, now)) return
    const sameFor = face.isForAll ? face : principal
    const text = texts.get(sameFor) ?? frameOf({ type: 'state', state: face.state(device, principal.rights, now) })
    texts.set(sameFor, text)
    // Its particulars come first; the newest state follows them.
    const isReady = !viewer.isLoading && viewer.shown.has(device.id)
    if (isReady && viewer.sendReplaceable(text)) this.#noteUse(viewer, device.id, now)
    else viewer.dirty.add(device.id)
  }

  /** Shows devices with their particulars: all of them in one `snapshot`, or each that is new or different as `device`. */
  async #show(viewer: Viewer, ids: readonly string[], isSnapshot: boolean): Promise<void> {
    // Watched before it is read, so that a change in between is not missed.
    for (const id of ids) this.#addWatcher(viewer, id)
    const { db, clock, isServing } = this.#options
    const devices = await listDevices(db, ids)
    const sharers = await findSharers(db, shareIdsOf(viewer.principal.rights, ids))
    if (!this.#viewers.has(viewer) || !isServing()) {
      for (const id of ids) this.#hide(viewer, id)
      return
    }
    if (isSnapshot) viewer.isLoading = false
    const now = clock.now()
    const views: ShownDevice[] = []
    for (const id of ids) {
      const device = this.#newest(devices.find((one) => one.id === id))
      const isWanted = viewer.watchesAll || viewer.watched.has(id)
      const view =
        device &&
        isWanted &&
        viewer.maySee(id, now) &&
        viewer.face.device(device, viewer.principal.rights, sharers, now)
      if (!view) {
        this.#hide(viewer, id)
        continue
      }
      this.#known.set(id, { device, silence: view.state.silence?.reason })
      const particulars = JSON.stringify({ ...view, state: null })
      const isNews = isSnapshot || viewer.shown.get(id) !== particulars
      viewer.shown.set(id, particulars)
      this.#noteUse(viewer, id, now)
      if (isNews) views.push(view)
    }
    if (isSnapshot) viewer.send({ type: 'snapshot', devices: views })
    else for (const device of views) viewer.send({ type: 'device', device })
    this.#sendDirty(viewer)
  }

  #noteUse(viewer: Viewer, deviceId: string, now: number): void {
    const via = mayOn(viewer.principal.rights, 'monitor', deviceId, now)
    if (via === undefined) return
    viewer.uses ??= new ConnectionUses(this.#options.uses, viewer.principal.credentialId)
    viewer.uses.note(via, deviceId, now)
  }

  /** A read that began earlier may end later: an older state never follows a newer one. */
  #newest(read: Device | undefined): Device | undefined {
    const known = read && this.#known.get(read.id)?.device
    const isOlder = known !== undefined && (read?.status.seq ?? 0) < (known.status.seq ?? 0)
    return read && isOlder ? { ...read, status: known.status } : read
  }

  #gone(viewer: Viewer, deviceId: string): void {
    viewer.send({ type: 'gone', deviceId })
    this.#hide(viewer, deviceId)
  }

  #hide(viewer: Viewer, deviceId: string): void {
    viewer.shown.delete(deviceId)
    viewer.dirty.delete(deviceId)
    this.#removeWatcher(viewer, deviceId)
  }

  #addWatcher(viewer: Viewer, deviceId: string): void {
    const watchers = this.#watchers.get(deviceId) ?? new Set()
    this.#watchers.set(deviceId, watchers.add(viewer))
    viewer.registered.add(deviceId)
  }

  #removeWatcher(viewer: Viewer, deviceId: string): void {
    viewer.registered.delete(deviceId)
    const watchers = this.#watchers.get(deviceId)
    watchers?.delete(viewer)
    if (watchers?.size !== 0) return
    this.#watchers.delete(deviceId)
    this.#known.delete(deviceId)
  }

  #sendDirty(viewer: Viewer): void {
    if (viewer.dirty.size === 0 || viewer.isLoading || !viewer.isCaughtUp) return
    const ids = [...viewer.dirty]
    viewer.dirty.clear()
    this.refresh(ids)
  }

  /** Silence comes with time alone, so it has to be looked for. */
  #tick(): void {
    const now = this.#options.clock.now()
    for (const known of this.#known.values()) {
      const reason = silenceOf(known.device.status, now)?.reason
      if (reason !== known.silence) this.#push(known.device)
    }
    if (now - this.#heartbeatAt < HEARTBEAT_MS) return
    this.#heartbeatAt = now
    const beat = frameOf({ type: 'heartbeat', at: new Date(now).toISOString() })
    for (const viewer of this.#viewers) {
      viewer.checkPace(now)
      if (viewer.sendReplaceable(beat)) this.#sendDirty(viewer)
    }
  }

  /** So that nothing overtakes a snapshot. */
  #inTurn(viewer: Viewer, step: () => Promise<void>): Promise<void> {
    const done = viewer.work.then(step)
    // Its failure is the caller's to report; the next step does not depend on it.
    viewer.work = done.catch(() => {})
    return done
  }

  #run(work: Promise<void>): void {
    work.catch((error: unknown) => {
      // What was to be shown is read again at the next change or reconnect.
      this.#options.log.warn({ err: error }, 'states for viewers could not be read')
    })
  }
}

function frameOf(event: Frame): string {
  return JSON.stringify(event)
}

function particularsOf({ name, plan, timeZone, mfr, model, serial }: Device): string {
  return JSON.stringify([name, plan, timeZone, mfr, model, serial])
}
