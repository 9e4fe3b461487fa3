// The short form of `npm run test:kill`.
import { expect, test } from 'vitest'
import { randomFrom } from '../model/random.ts'
import { testDatabase } from '../support/database.ts'
import { runKills } from './run.ts'

test('a broker that is killed in the middle of its work loses nothing that it has acknowledged', async () => {
  const database = await testDatabase()
  try {
    const found = await runKills({
      databaseUrl: database.url,
      times: 3,
      random: randomFrom(Date.now()),
      ...{ agents: 4, devicesEach: 5, everyMs: 25 },
    })
    expect(found).toMatchObject({ lost: 0, twice: 0, wrong: 0 })
    expect(found.acknowledged).toBeGreaterThan(150)
    expect(found.stored).toBe(found.acknowledged)
  } finally {
    await database.stop()
  }
}, 120_000)
