import PresenceCore

/// What a script tells the worker that holds a session's socket, on its `workerChannel`: the session is over
/// there. Told once, after the change. A hint that can be lost or forged: the next heartbeat finds a session that
/// is over, and one that only moved costs nothing but its old socket.
package struct Notice: Sendable, Equatable {
    package enum What: Sendable, Equatable {
        /// A login ended the session, or a newer one of the same device.
        case displaced(by: SessionID)
        /// A kick ended it; the note is the operator's reason.
        case kicked(note: String?)
        /// It was logged out, by the client itself or for it.
        case loggedOut
        /// It goes on through another socket.
        case moved
        /// It was disconnected by another than its socket.
        case gone
    }

    package var link: Link
    package var what: What

    /// Reads `<link> <word> <rest>`; nil if it is nothing a script publishes.
    package init?(_ payload: String) {
        // Bytes, not characters: a note may begin with a mark that joins the blank before it.
        let parts = payload.utf8.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
            .map { String(Substring($0)) }
        guard parts.count >= 2, let link = Link(parts[0]), link >= 0 else { return nil }
        let rest = parts.count == 3 ? parts[2] : ""
        switch parts[1] {
        case "displaced":
            guard let session = try? SessionID(rest) else { return nil }
            what = .displaced(by: session)
        case "kicked": what = .kicked(note: rest.isEmpty ? nil : rest)
        case "logout": what = .loggedOut
        case "moved": what = .moved
        case "gone": what = .gone
        default: return nil
        }
        self.link = link
    }
}
