import Synchronization

/// Whether the service may be used yet: not before its Redis was seen to be fit for it, and for good from then on.
final class Opening: Sendable {
    private let isOpen = Atomic(false)
    private let waiting = Mutex("Redis is being looked at; try again.")

    /// Why it may not, as a sentence; nil once it may. Every request asks: the lock is for those that come too early.
    var reason: String? { isOpen.load(ordering: .acquiring) ? nil : waiting.withLock(\.self) }

    /// - Returns: whether this is another reason than before.
    func waits(_ why: String) -> Bool {
        let reason = "Redis is waited for: \(why)"
        return waiting.withLock { waiting in
            defer { waiting = reason }
            return waiting != reason
        }
    }
    func open() { isOpen.store(true, ordering: .releasing) }
}
