// Started by lock.test.ts: takes the lock of the folder and keeps it until killed.
import { acquireInstanceLock } from '../lock.ts'

const [, , dir = ''] = process.argv
process.stdout.write(acquireInstanceLock(dir) ? 'locked\n' : 'refused\n')
setInterval(() => {}, 60_000)
