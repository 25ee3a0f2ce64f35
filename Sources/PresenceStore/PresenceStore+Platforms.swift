import PresenceCore

/// Platforms that callers name to whom sessions that are there matter: those of the table, and those that were taken out
/// of it and still have sessions, by their names as answers have them.
extension PresenceStore {
    /// - Throws: `InvalidInput` if it is not in the table and no session counts for it; `StoreError` if it is not in the
    ///   table and not all counts can be read.
    package func platform(ofSessions name: String) async throws -> Platform {
        try await platform(name) { platform in
            try await counts().sessions.values.contains { $0[platform] ?? 0 > 0 }
        }
    }

    /// - Throws: `InvalidInput` if it is not in the table and the user has no session on it; `StoreError` if it is not in
    ///   the table and the user cannot be asked for.
    package func platform(_ name: String, ofSessionsOf user: UserID) async throws -> Platform {
        try await platform(name) { platform in
            try await presence(of: user).sessions.contains { $0.id.platform == platform }
        }
    }

    private func platform(_ name: String, isUsed: (Platform) async throws -> Bool) async throws -> Platform {
        do { return try platforms.platform(named: name) } catch {
            guard let platform = try? Platform(name), try await isUsed(platform) else { throw error }
            return platform
        }
    }
}
