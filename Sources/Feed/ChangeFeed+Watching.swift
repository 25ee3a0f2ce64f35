import PresenceStore

// Following in the same process.
extension ChangeFeed {
    /// Tells all changes from now on, until the task is cancelled: those of the last seconds at first, and in between
    /// some again where Redis was away. What hears is not to wait for anything.
    package nonisolated func watch(_ heard: @escaping @Sendable ([FeedChange]) -> Void) async {
        let number = hub.watch(heard)
        defer { hub.unwatch(number) }
        while !Task.isCancelled {
            // Also of a feed that began anew; where Redis cannot be asked there is nothing to tell.
            _ = try? await ensureFollowing()
            try? await Task.sleep(for: .seconds(1))
        }
    }
}
