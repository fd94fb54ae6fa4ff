// The root helper as a program of its own, as `bin/backupmanager.js root-helper` starts it.
import { rootHelperMain } from '../../../src/root/main.ts'

process.exitCode = await rootHelperMain(process.argv.slice(3), process.env)
