/// Every fault there is, by name.
package enum Nemeses {
    package static let all: [any Nemesis] =
        [
            Calm(), KillWorker(), RestartWorker(), PauseWorker(), CutCallers(), KillRedis(), RestartRedis(),
            PauseRedis(),
            OldDump(), FlushAll(), CutAppendOnlyFile(), ScriptFlush(), KillSubscribers(), KillClients(),
            NotificationsOff(), ForgedNotifications(), ActiveExpiryOff(), BusyScript(), MemoryFull(), SlowNetwork(),
            CutNetwork(), BlackHole(), LostReplies(), ServerClock(), WorkerClocks(), DiskFull(), ManyShards(),
            TwoVersions(), Mixed(),
        ] + FailingReceiver.all + [SentinelFailover(), SentinelPause(), SlotMoves(), KillClusterMaster()]

    /// Takes hours, and is run only when asked for.
    package static let soak: any Nemesis = Soak()

    package static func named(_ name: String) -> (any Nemesis)? { (all + [soak]).first { $0.name == name } }
}
