#!/usr/bin/env node
// The command line: one process per part, and `start` for all of them at once.
import { Command } from 'commander'

const [major = 0] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(
    `Ridethrough needs Node 24 or newer; this is ${process.version}. Run it by npm start or npx, which bring their own.`,
  )
  process.exit(1)
}

const program = new Command('ridethrough')
  .description('Share UPSs and smart-home gateways with the people who should see or control them.')
  .showSuggestionAfterError()
  .showHelpAfterError('(add --help for what can be said here)')

program
  .command('start')
  .description('everything on one machine: PostgreSQL, broker, API, console and a demonstration')
  .action(async () => {
    const [{ start }, { readConfig }] = await Promise.all([import('./start.ts'), import('./config.ts')])
    await start(readConfig(), console.log)
  })

program
  .command('migrate')
  .description('bring the database of DATABASE_URL to the newest schema')
  .action(async () => {
    const [{ migrate }, { openDb }, { pino }, { readConfig }] = await Promise.all([
      import('@ridethrough/db/migrate.ts'),
      import('@ridethrough/db/pool.ts'),
      import('pino'),
      import('./config.ts'),
    ])
    const { databaseUrl } = readConfig()
    if (!databaseUrl) throw new Error('DATABASE_URL is not set: name the PostgreSQL database')
    const db = openDb(databaseUrl, pino({ level: 'warn' }))
    try {
      await migrate(db, databaseUrl)
      console.log('The schema is up to date.')
    } finally {
      await db.destroy()
    }
  })

program
  .command('broker')
  .description('the MQTT broker')
  .action(async () => {
    const [{ startBroker }, { readBrokerConfig }, { runPart }, { readLogLevel }] = await Promise.all([
      import('@ridethrough/broker/main.ts'),
      import('@ridethrough/broker/config.ts'),
      import('./part.ts'),
      import('./config.ts'),
    ])
    const config = readBrokerConfig()
    await runPart({
      name: 'broker',
      logLevel: readLogLevel(),
      start: (log) => startBroker(config, log),
      addresses: ({ mqttUrl, mqttsUrl, wsUrl, wssUrl, metricsUrl }) => ({
        mqtt: mqttUrl,
        mqtts: mqttsUrl,
        ws: wsUrl,
        wss: wssUrl,
        metrics: metricsUrl,
      }),
    })
  })

program
  .command('api')
  .description('the HTTP API, the console and the mails')
  .action(async () => {
    const [{ startApi }, { readConfig }, { runPart }] = await Promise.all([
      import('@ridethrough/api/main.ts'),
      import('@ridethrough/api/config.ts'),
      import('./part.ts'),
    ])
    const config = readConfig()
    await runPart({
      name: 'api',
      logLevel: config.logLevel,
      start: (log) => startApi(config, log),
      addresses: ({ httpUrl }) => ({ http: httpUrl }),
      confidential: ({ operatorCode }) => ({ operatorCode }),
    })
  })

const agent = program
  .command('agent')
  .description('the agent beside the devices')
  .requiredOption('--config <file>', 'agent.yaml')
  .action(async ({ config: path }: { config: string }) => {
    const [{ startAgent }, { runPart }, { readLogLevel }] = await Promise.all([
      import('@ridethrough/agent/main.ts'),
      import('./part.ts'),
      import('./config.ts'),
    ])
    const config = await loadAgentConfig(path)
    await runPart({
      name: 'agent',
      logLevel: readLogLevel(),
      start: (log) => startAgent(config, log),
      addresses: ({ agentId, devices }) => ({ agentId, devices }),
    })
  })

agent
  .command('claim-code')
  .description('show the claim codes of devices that nobody has registered')
  .action(async (_options: unknown, command: Command) => {
    const { config: path } = command.optsWithGlobals<{ config: string }>()
    const { formatClaimCodes, readClaimCodes } = await import('@ridethrough/agent/claim-codes.ts')
    console.log(formatClaimCodes(readClaimCodes(await loadAgentConfig(path), Date.now())))
  })

program
  .command('sim')
  .description('simulated UPSs on real wires (SIMULATOR_CONFIG names a file; without it four for trying out)')
  .action(async () => {
    const [{ startSimulator }, { configFromEnvironment }, { runPart }, { readLogLevel }] = await Promise.all([
      import('@ridethrough/simulator/main.ts'),
      import('@ridethrough/simulator/config.ts'),
      import('./part.ts'),
      import('./config.ts'),
    ])
    const config = await configFromEnvironment()
    await runPart({
      name: 'simulator',
      logLevel: readLogLevel(),
      start: (log) => startSimulator(config, log),
      addresses: ({ httpUrl }) => ({ http: httpUrl }),
      // With the communities and keys: the demonstration writes its agent's configuration from them.
      confidential: ({ units }) => ({ units }),
    })
  })

const admin = program.command('admin').description('what the operator does on the server itself')

admin
  .command('verify-log')
  .description('check that no row of the event log was changed, removed or put elsewhere')
  .action(async () => {
    const [{ verifyLog, withDatabase }, { readConfig }] = await Promise.all([
      import('./admin.ts'),
      import('./config.ts'),
    ])
    const holds = await withDatabase(readConfig(), (db) => verifyLog(db, console.log))
    if (!holds) process.exitCode = 1
  })

admin
  .command('restore-owner')
  .description('make somebody an active owner of their company, when nobody in it can do it any more')
  .requiredOption('--email <address>', 'of an account that has proved it')
  .action(async ({ email }: { email: string }) => {
    const [{ withDatabase }, { restoreOwner }, { readConfig }] = await Promise.all([
      import('./admin.ts'),
      import('./restore-owner.ts'),
      import('./config.ts'),
    ])
    await withDatabase(readConfig(), (db, url) => restoreOwner(db, url, email, console.log))
  })

/** Every mistake of the file, each with its line, in one message. */
async function loadAgentConfig(path: string) {
  const { formatMistakes, loadConfig } = await import('@ridethrough/agent/config.ts')
  const { config, mistakes } = loadConfig(path)
  if (!config) throw new Error(formatMistakes(path, mistakes))
  return config
}

try {
  await program.parseAsync()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
