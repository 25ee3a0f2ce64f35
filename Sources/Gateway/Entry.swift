/// Who may connect: what a configuration that is read anew replaces, all at once.
struct ClientAccess: Sendable {
    var tokens: ClientTokens
    /// Of web pages; empty for all.
    var origins: [String]
}

/// A client that was let in, before it is known to be who it says.
struct Entry: Sendable {
    let request: ConnectRequest
    /// To be left when the channel is closed.
    var place: Admission.Place
    /// As they counted when it came.
    let tokens: ClientTokens
}
