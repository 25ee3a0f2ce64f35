import PresenceCore

/// Whether the receiver serves or is at fault. It is at fault when events of several users failed in any way and none
/// was accepted between: then nothing says that one event or one user is bad, and all wait. It is probed with events of
/// users in turn; the first that is accepted, probe or not, brings it back. Failures before that count against nobody.
struct ReceiverHealth {
    private let paces: DeliveryPaces
    private(set) var isAtFault = false
    /// Why the last attempt that counted failed.
    private(set) var detail = ""
    /// Grows when the receiver comes back.
    private(set) var spell = 0
    /// Users whose events failed since one was accepted, no more than it takes, and since when.
    private var failed: Set<UserID> = []
    private var failingSince: ContinuousClock.Instant?
    /// The latest acceptances of two different users, the later first.
    private var accepted: [(user: UserID, at: ContinuousClock.Instant)] = []
    private var isProbing = false
    private var probes = 0
    private var probeAt: ContinuousClock.Instant?
    private var freshProbeAt: ContinuousClock.Instant?

    init(paces: DeliveryPaces) { self.paces = paces }

    /// Whether somebody else's event was accepted since.
    func accepted(otherThan user: UserID, since: ContinuousClock.Instant) -> Bool {
        accepted.contains { $0.user != user && $0.at >= since }
    }

    func mayProbe(_ now: ContinuousClock.Instant) -> Bool {
        isAtFault && !isProbing && probeAt.map { now >= $0 } ?? true
    }

    /// Whether an event never tried may go: its user may be one the receiver takes, and is not to wait as long as those
    /// it does not take, nor for what these were asked to wait.
    func mayProbeFresh(_ now: ContinuousClock.Instant) -> Bool {
        isAtFault && !isProbing && freshProbeAt.map { now >= $0 } ?? true
    }

    mutating func beginProbe() { isProbing = true }

    /// A probe ended without telling anything.
    mutating func endProbe() { isProbing = false }

    mutating func accepted(_ user: UserID, _ now: ContinuousClock.Instant) {
        if let latest = accepted.first, latest.user == user {
            accepted[0].at = now
        } else {
            accepted = [(user, now)] + accepted.prefix(1)
        }
        if failingSince != nil {
            failed = []
            failingSince = nil
        }
        if isAtFault {
            isAtFault = false
            isProbing = false
            spell += 1
        }
    }

    /// An attempt at an event that is not set aside failed.
    mutating func failed(
        _ user: UserID, detail: String, askedMs: Int?, isProbe: Bool, _ now: ContinuousClock.Instant
    ) {
        self.detail = detail
        if isAtFault {
            guard isProbe else { return }
            isProbing = false
            probes += 1
        } else {
            let since = failingSince ?? now
            failingSince = since
            if failed.count < paces.faultUsers { failed.insert(user) }
            guard failed.count >= paces.faultUsers, now - since >= paces.faultAfter else { return }
            isAtFault = true
            probes = 1
        }
        probeAt = now + paces.probe.duration(afterAttempt: probes, askedMs: askedMs)
        freshProbeAt = now + paces.freshProbe.duration(afterAttempt: probes)
    }
}
