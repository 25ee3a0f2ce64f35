// Feed: changes for everybody who wants to follow, and all who are there.
//
// Promises: who follows from a cursor is told every change that is kept, in order per user, at any worker; one may be
// told again, with the same id. A cursor is a place in the order of all shards' events, below which nothing can still
// come, whatever the clocks of the masters differ by; one that is too old is refused, never passed over. A worker reads
// each shard's events once, however many follow, and only while somebody does. Who reads too slowly is ended and holds
// up nobody. Export and feed together give a true copy.
// Does not: speak HTTP or JSON, deliver anything, change anything in Redis but name its data where it has no name.

import PresenceCore
import PresenceStore

/// Bounds of the feed; no reason to configure them is known.
package enum FeedLimits {
    /// How far a cursor stays behind the clocks of the masters: a promoted replica's may be slower, a clock be set back
    /// a little.
    static let overlapMs = 2_000
    /// Changes of one page.
    package static let pageChangesMax = 1_000
    /// Users one may follow at once.
    package static let usersMax = 500
    /// Events of one shard in one read.
    static let eventsPerReadMax = 500
    /// Reads of shards per second while somebody follows.
    static let readsPerSecondMax = 4_000
    /// What a hint may take.
    static let hintMsMax = 200
    /// How often it is looked what is to be read.
    static let tick: Duration = .milliseconds(20)
    /// What waits for one who follows all changes; what waits is shared by them.
    static let pendingBytesMax = 4 << 20
    /// What waits for one who follows users.
    static let pendingBytesOfUsersMax = 256 << 10
    /// What waits for all who follow users, and is being written to those who catch up: from then on one for whom more
    /// than a little waits is ended, nobody joins with a snapshot, and nothing more is caught up with.
    static let pendingBytesTotalMax = 256 << 20
    static let pendingBytesLittle = 16 << 10
    /// Parts that wait for one.
    static let pendingPartsMax = 16_384
    /// What is written at once.
    static let partBytesMax = 64 << 10
    /// From so long on without taking anything one reads too slowly.
    static let unreadMax: Duration = .seconds(10)
    /// Nobody who follows hears nothing for longer.
    package static let heartbeatSeconds = 15
    /// How long reading goes on when nobody follows any more.
    static let linger: Duration = .seconds(5)
    /// Reads of logs from a cursor on, and pages of the export, that are under way at once, and that wait.
    static let catchUpsMax = 4
    static let exportsMax = 2
    static let waitingMax = 1_000
    static let exportsWaitingMax = 32
    /// Events read in one round from a cursor on.
    static let roundEventsMax = 2_000
    /// Users of one page of the export.
    package static let exportedUsersMax = 1_000
    /// Shards asked for their users at once.
    static let exportedShardsMax = 64
}
