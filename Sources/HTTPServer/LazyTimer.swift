import NIOCore

/// What a `LazyTimer` wakes.
package protocol Wakeable: AnyObject {
    /// On the event loop of the timer, which is to be set anew.
    func wake()
}

/// Wakes a connection at a deadline that moves with nearly everything that happens: its event loop is asked for a new
/// callback when the last one came or would come too late, not with every move.
///
/// No callback is cancelled, for which NIO would look through those of all connections. One that is not wanted any more
/// does nothing when it comes, or serves whom the connection belongs to by then.
///
/// Sendable because everything is done on its event loop, which every function makes sure of.
package final class LazyTimer: @unchecked Sendable {
    private let eventLoop: any EventLoop
    private var target: (any Wakeable)?
    /// When the first callback comes that is wanted.
    private var firesAt: NIODeadline?

    package init(on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// From now on the target is woken, and kept until the timer is stopped.
    package func start(waking target: any Wakeable) {
        eventLoop.preconditionInEventLoop()
        self.target = target
    }

    /// Lets go of the target, which is not woken any more.
    package func stop() {
        eventLoop.preconditionInEventLoop()
        target = nil
    }

    /// Wakes the target at the deadline or earlier: it is to look what is due, and to set the timer again.
    package func set(_ deadline: NIODeadline?) {
        eventLoop.preconditionInEventLoop()
        guard let deadline, target != nil else { return }
        if let firesAt, firesAt <= deadline { return }
        firesAt = deadline
        // A loop that is shut down calls nobody, and closes its connections itself.
        _ = try? eventLoop.scheduleCallback(at: deadline, handler: self)
    }
}

extension LazyTimer: NIOScheduledCallbackHandler {
    package func handleScheduledCallback(eventLoop: some EventLoop) {
        eventLoop.preconditionInEventLoop()
        // Set for an earlier deadline since, it fires twice.
        guard let firesAt, firesAt <= eventLoop.now else { return }
        self.firesAt = nil
        target?.wake()
    }
}
