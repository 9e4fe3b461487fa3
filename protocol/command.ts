// NUT's instant commands that we carry: the privilege each needs and whether it cuts power. `{n}` stands for a number.
import type { Privilege } from './privilege.ts'

export type CommandFact = {
  readonly name: string
  readonly privilege: Privilege
  /** True when a load may lose power because of it: such a command asks twice and is never sent late. */
  readonly cutsPower: boolean
  readonly label: string
}

type Row = readonly [name: string, privilege: Privilege, cutsPower: boolean, label: string]

const ROWS: readonly Row[] = [
  ['test.battery.start.quick', 'diagnose', false, 'Test the battery'],
  ['test.battery.start.deep', 'diagnose', false, 'Test the battery deeply'],
  ['test.battery.stop', 'diagnose', false, 'Stop the battery test'],
  ['test.panel.start', 'diagnose', false, 'Test lamps and beeper'],
  ['test.panel.stop', 'diagnose', false, 'Stop the panel test'],
  ['test.failure.start', 'diagnose', false, 'Simulate a power failure'],
  ['test.failure.stop', 'diagnose', false, 'End the simulated power failure'],
  ['test.system.start', 'diagnose', false, 'Test the whole device'],
  ['calibrate.start', 'diagnose', false, 'Calibrate the runtime'],
  ['calibrate.stop', 'diagnose', false, 'Stop the calibration'],
  ['beeper.enable', 'diagnose', false, 'Switch the beeper on'],
  ['beeper.disable', 'diagnose', false, 'Switch the beeper off'],
  ['beeper.mute', 'diagnose', false, 'Mute the beeper'],
  ['reset.input.minmax', 'diagnose', false, 'Reset lowest and highest input voltage'],
  ['load.off', 'reboot', true, 'Switch the output off'],
  ['load.on', 'reboot', false, 'Switch the output on'],
  ['load.off.delay', 'reboot', true, 'Switch the output off after the delay'],
  ['load.on.delay', 'reboot', false, 'Switch the output on after the delay'],
  ['shutdown.return', 'reboot', true, 'Shut down, and come back with the mains'],
  ['shutdown.stayoff', 'reboot', true, 'Shut down and stay off'],
  ['shutdown.stop', 'reboot', false, 'Cancel the shutdown'],
  ['shutdown.reboot', 'reboot', true, 'Restart'],
  ['shutdown.reboot.graceful', 'reboot', true, 'Restart after the delay'],
  ['bypass.start', 'configure', false, 'Go to bypass'],
  ['bypass.stop', 'configure', false, 'Leave the bypass'],
  ['outlet.{n}.load.off', 'reboot', true, 'Switch the outlet off'],
  ['outlet.{n}.load.on', 'reboot', false, 'Switch the outlet on'],
  ['outlet.{n}.load.cycle', 'reboot', true, 'Restart the outlet'],
  ['outlet.group.{n}.load.off', 'shed', true, 'Switch the outlet group off'],
  ['outlet.group.{n}.load.on', 'shed', false, 'Switch the outlet group on'],
  ['outlet.group.{n}.load.cycle', 'shed', true, 'Restart the outlet group'],
]

export const COMMANDS: readonly CommandFact[] = ROWS.map(([name, privilege, cutsPower, label]) => ({
  name,
  privilege,
  cutsPower,
  label,
}))

const BY_NAME = new Map(COMMANDS.map((fact) => [fact.name, fact]))

/** The facts of a command as it stands on the wire: `outlet.2.load.off` finds `outlet.{n}.load.off`. */
export function findCommand(name: string): CommandFact | undefined {
  return BY_NAME.get(name) ?? BY_NAME.get(name.replace(/(?<=\.)\d+(?=\.)/, '{n}'))
}
