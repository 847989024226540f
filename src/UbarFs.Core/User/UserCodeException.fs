namespace UbarFs.Core

open System

/// What a user's code threw. The message is in the user's words, and tells where: nothing has to be added to it.
[<AbstractClass>]
type UserCodeException(message: string, cause: exn) =
    inherit Exception(message, cause)
