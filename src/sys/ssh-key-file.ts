// Where the key lies that this instance comes to other inboxes with; apart, so that root need not load what makes it.

/** The file name in the data folder's `keys`. */
export const sshKeyFile = 'ssh_ed25519'
