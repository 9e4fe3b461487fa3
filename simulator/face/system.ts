// The system group (RFC 3418) that every SNMP device has.
import { type MibObject, object, setting, ticks, upTo } from './mib.ts'

const SYSTEM = '1.3.6.1.2.1.1'
// Layers 4 and 7: an end host with applications.
const SERVICES = 72

export function systemMib(sysObjectId: string): readonly MibObject[] {
  return [
    object(
      `${SYSTEM}.1`,
      'text',
      ({ spec }) => `${spec.manufacturer} ${spec.model}, firmware ${spec.firmware}, serial ${spec.serial} (simulated)`,
    ),
    object(`${SYSTEM}.2`, 'oid', () => sysObjectId),
    object(`${SYSTEM}.3`, 'ticks', (state) => ticks(state.at)),
    object(
      `${SYSTEM}.4`,
      'text',
      (state) => state.settings.contact,
      upTo(255, (state, value) => setting(state, 'contact', value)),
    ),
    object(
      `${SYSTEM}.5`,
      'text',
      (state) => state.settings.name,
      upTo(63, (state, value) => setting(state, 'name', value)),
    ),
    object(
      `${SYSTEM}.6`,
      'text',
      (state) => state.settings.location,
      upTo(255, (state, value) => setting(state, 'location', value)),
    ),
    object(`${SYSTEM}.7`, 'integer', () => SERVICES),
  ]
}
