import PresenceCore
import PresenceStore

/// What is wrong with a user as seen at one moment. Pure: every change is one script, so that what does not fit together
/// at one moment never will by itself, and what is only due is left to the sweep.
package struct UserFlaws {
    package var platforms: PlatformTable
    package var keys: KeySpace

    package init(platforms: PlatformTable, keys: KeySpace) {
        self.platforms = platforms
        self.keys = keys
    }

    package func flaws(of look: UserLook) -> [Finding] {
        let key = keys.user(look.user)
        let sessions = look.sessions.filter { $0.status != nil }
        var flaws = look.sessions.flatMap { timers(of: $0, look.user) }
        guard let earliest = sessions.map({ end(of: $0, look.nowMs) }).min() else {
            if look.record == .endless { flaws.append(Finding(.endlessRecord, key)) }
            if look.deadlineMs != nil { flaws.append(Finding(.idleDeadline, key)) }
            return flaws
        }
        if case .ms(let left) = look.record { flaws.append(Finding(.endingRecord, key, "in \(left / 1_000) s")) }
        let latest = earliest + StoreLimits.deadlineLateMsMax
        let lost = sessions.filter { $0.timer == .absent }
        guard let deadline = look.deadlineMs else {
            return flaws + [Finding(.missingDeadline, key)] + lost.map { Finding(.ghost, key, "\($0.id)") }
        }
        let ghosts = lost.filter { deadline > end(of: $0, look.nowMs) + StoreLimits.deadlineLateMsMax }
        flaws += ghosts.map { Finding(.ghost, key, "\($0.id), looked at in \((deadline - look.nowMs) / 1_000) s") }
        if ghosts.isEmpty, deadline > latest {
            flaws.append(Finding(.lateDeadline, key, "\((deadline - earliest) / 1_000) s after a timer's end"))
        }
        return flaws
    }

    /// When a session ends at the latest if nothing is heard of it: an Online one whose timer is gone may be in a grace.
    private func end(of session: UserLook.Session, _ nowMs: Int) -> Int {
        switch session.timer {
        case .ms(let left): nowMs + left
        case .absent where session.status == .online: nowMs + platforms[session.id.platform].heartbeat.graceMs
        case .absent: nowMs
        case .endless: .max - StoreLimits.deadlineLateMsMax
        }
    }

    private func timers(of session: UserLook.Session, _ user: UserID) -> [Finding] {
        let (lease, push) = (keys.lease(user, session.id), keys.push(user, session.id))
        var flaws: [Finding] = []
        if session.status != .online, session.lease != .absent { flaws.append(Finding(.orphanTimer, lease)) }
        if session.status != .pushOnline, session.push != .absent { flaws.append(Finding(.orphanTimer, push)) }
        if session.status != nil, session.timer == .endless {
            flaws.append(Finding(.endlessTimer, session.status == .online ? lease : push))
        }
        return flaws
    }
}
