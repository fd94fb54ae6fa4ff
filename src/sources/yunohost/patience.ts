// How long we wait for other YunoHost commands. Without a limit YunoHost would wait for ever.

/** Seconds a backup waits: longer than an upgrade of an app takes, shorter than a night. */
export const longLockWaitS = 3600
/** Seconds an estimate or a deletion waits: somebody is looking at it. */
export const shortLockWaitS = 120
