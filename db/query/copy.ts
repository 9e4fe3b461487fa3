// COPY in one round trip: rows follow the statement at once, without waiting to be asked for them.
import type pg from 'pg'

/** "COPY Operations", PostgreSQL's documentation of its protocol: what is in the way is said once, and the rows that follow are ignored. */
const COPY_DATA = 'd'.charCodeAt(0)
const COPY_DONE = Buffer.from([...Buffer.from('c'), 0, 0, 0, 4])

/** `text` may be several statements, of which the last is the COPY. Rejects with what PostgreSQL says. */
export function copyAtOnce(client: pg.PoolClient, text: string, rows: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new Copy(text, rows, (error) => (error ? reject(error) : resolve())))
  })
}

class Copy implements pg.Submittable {
  readonly #text: string
  readonly #rows: Buffer
  readonly #done: (error?: Error) => void

  constructor(text: string, rows: Buffer, done: (error?: Error) => void) {
    this.#text = text
    this.#rows = rows
    this.#done = done
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection
    const head = Buffer.alloc(5)
    head.writeUInt8(COPY_DATA)
    head.writeUInt32BE(this.#rows.length + 4, 1)
    stream.cork()
    connection.query(this.#text)
    stream.write(head)
    stream.write(this.#rows)
    stream.write(COPY_DONE)
    stream.uncork()
  }

  handleCopyInResponse(): void {}
  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#done()
  }

  /** Where the server says it, or the connection is lost. */
  handleError(error: Error): void {
    this.#done(error)
  }
}
