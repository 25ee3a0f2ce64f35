/// Simulated users, over HTTP and over sockets, on all workers.
package struct Workload: Sendable {
    /// How many there are, and how busy.
    package struct Size: Sendable {
        package var users: Int
        package var sockets: Int
        /// How many times slower than usual they are.
        package var slowness: Int

        package init(users: Int = 24, sockets: Int = 8, slowness: Int = 1) {
            self.users = users
            self.sockets = sockets
            self.slowness = slowness
        }
    }

    package let life: Life
    private let size: Size
    private let recorder: Recorder

    package init(_ size: Size, _ recorder: Recorder) {
        self.size = size
        self.recorder = recorder
        life = Life(recorder, slowness: size.slowness)
    }

    package var users: [String] { (0..<size.users).map { "u\($0)" } + (0..<size.sockets).map { "s\($0)" } }

    /// Lets them live beside the body; they stop when it is done.
    /// - Parameter sockets: the workers' URLs for clients with sockets.
    package func running(_ caller: Caller, sockets urls: [String], seed: UInt64, body: () async throws -> Void)
        async throws
    {
        try await withThrowingTaskGroup(of: (user: String, session: String)?.self) { group in
            for index in 0..<size.users {
                let user = "u\(index)"
                // Every third has two hands.
                for hand in 0..<(index % 3 == 0 ? 2 : 1) {
                    let one = Hand(user, caller, life, seed: seed &+ UInt64(index * 2 + hand))
                    group.addTask {
                        var one = one
                        return await one.live().map { (user, $0) }
                    }
                }
            }
            for index in 0..<size.sockets {
                let user = "s\(index)"
                let one = SocketUser(user, urls, life, recorder, seed: seed &+ UInt64(1_000_000 + index))
                group.addTask {
                    var one = one
                    return await one.live().map { (user, $0) }
                }
            }
            do {
                try await body()
            } catch {
                life.finish()
                throw error
            }
            life.finish()
            for try await kept in group {
                if let kept { recorder.edit { $0.believed[kept.session] = kept.user } }
            }
        }
    }
}
