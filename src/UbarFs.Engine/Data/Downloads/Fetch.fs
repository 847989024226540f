namespace UbarFs.Engine.Data

open System
open System.IO
open System.Net
open System.Net.Http
open System.Net.Http.Headers
open System.Threading
open System.Threading.Tasks

/// How patient and how trusting downloads are.
type FetchSettings =
    {
        /// A connection on which no byte arrives for this long is given up.
        StallTimeout: TimeSpan
        MaxRedirects: int
        /// Whether the proxy of the environment is used.
        UseProxy: bool
    }

/// Why an address did not give its file.
[<RequireQualifiedAccess>]
type FetchFailure =
    /// What has arrived so far can be continued, from here or elsewhere.
    | Interrupted of reason: string
    /// What has arrived so far is of no use.
    | Unusable of reason: string

/// One attempt to get a file from one address over HTTP.
[<RequireQualifiedAccess>]
module Fetch =

    let settings = { StallTimeout = TimeSpan.FromSeconds 30.0; MaxRedirects = 5; UseProxy = true }

    /// Redirects are left to `Fetch`, and content is never decompressed on the way.
    let client settings =
        let handler =
            new SocketsHttpHandler(
                AllowAutoRedirect = false,
                AutomaticDecompression = DecompressionMethods.None,
                UseCookies = false,
                UseProxy = settings.UseProxy
            )

        let client = new HttpClient(handler, Timeout = Timeout.InfiniteTimeSpan)
        client.DefaultRequestHeaders.UserAgent.ParseAdd "ubarfs"
        client

    /// Where a redirect leads. Only HTTP is followed, and it must be encrypted unless the mirror itself was not.
    let redirect (mirror: Uri) (current: Uri) (location: Uri) : Result<Uri, string> =
        let next = Uri(current, location)

        if next.Scheme = Uri.UriSchemeHttps then
            Ok next
        elif next.Scheme <> Uri.UriSchemeHttp then
            Error $"redirects to {next}, which is not HTTP"
        elif mirror.Scheme = Uri.UriSchemeHttps then
            Error $"redirects from https to {next}, which is not encrypted"
        else
            Ok next

    let private isRedirect (response: HttpResponseMessage) =
        List.contains (int response.StatusCode) [ 301; 302; 303; 307; 308 ]
        && not (isNull response.Headers.Location)

    /// A step of the network, given up when it takes longer than the stall timeout.
    let private patiently settings (cancellation: CancellationToken) (step: CancellationToken -> Task<'result>) =
        task {
            use patience = CancellationTokenSource.CreateLinkedTokenSource cancellation
            patience.CancelAfter settings.StallTimeout

            try
                let! result = step patience.Token
                return Ok result
            with
            | :? OperationCanceledException when not cancellation.IsCancellationRequested ->
                return Error $"nothing arrived for {settings.StallTimeout.TotalSeconds} s"
            | :? HttpRequestException
            | :? IOException as problem -> return Error(problem.GetBaseException().Message)
        }

    let private ask settings (client: HttpClient) cancellation (mirror: Uri) (offset: int64) =
        let rec follow (url: Uri) redirects =
            task {
                use request = new HttpRequestMessage(HttpMethod.Get, url)

                if offset > 0L then
                    request.Headers.Range <- RangeHeaderValue(offset, Nullable())

                let send token = client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token)

                match! patiently settings cancellation send with
                | Ok response when isRedirect response && redirects >= settings.MaxRedirects ->
                    response.Dispose()
                    return Error $"redirects more than {settings.MaxRedirects} times"
                | Ok response when isRedirect response ->
                    let next = redirect mirror url response.Headers.Location
                    response.Dispose()

                    match next with
                    | Ok next -> return! follow next (redirects + 1)
                    | Error reason -> return Error reason
                | answer -> return answer
            }

        follow mirror 0

    /// The place in the file where the response's content belongs, and the length of the whole file if it says so.
    let private extent (offset: int64) (limit: int64) (response: HttpResponseMessage) =
        let range = response.Content.Headers.ContentRange
        let length = Option.ofNullable response.Content.Headers.ContentLength

        let extent =
            match response.StatusCode with
            | HttpStatusCode.OK -> Ok(0L, length)
            | HttpStatusCode.PartialContent when not (isNull range) && range.From = Nullable offset ->
                let total = length |> Option.map ((+) offset)
                Ok(offset, Option.ofNullable range.Length |> Option.orElse total)
            | HttpStatusCode.PartialContent -> Error(FetchFailure.Unusable "answered with another part than asked for")
            | HttpStatusCode.RequestedRangeNotSatisfiable ->
                Error(FetchFailure.Unusable $"has nothing after the first {offset} bytes")
            | status -> Error(FetchFailure.Interrupted $"answered {int status} {response.ReasonPhrase}")

        match extent with
        | Ok(_, Some total) when total > limit ->
            Error(FetchFailure.Unusable $"has {total} bytes; expected at most {limit}")
        | extent -> extent

    let private copy
        settings
        cancellation
        progress
        limit
        (response: HttpResponseMessage)
        (part: FileStream)
        start
        total
        =
        task {
            part.SetLength start
            part.Position <- start
            use! content = response.Content.ReadAsStreamAsync cancellation
            let buffer = Array.zeroCreate<byte> 65_536
            let read (token: CancellationToken) = content.ReadAsync(Memory buffer, token).AsTask()
            let mutable outcome = None

            while outcome.IsNone do
                match! patiently settings cancellation read with
                | Ok 0 -> outcome <- Some(Ok())
                | Ok count when part.Position + int64 count > limit ->
                    outcome <- Some(Error(FetchFailure.Unusable $"sends more than {limit} bytes"))
                | Ok count ->
                    do! part.WriteAsync(ReadOnlyMemory(buffer, 0, count), cancellation)
                    progress part.Position total
                | Error reason ->
                    let reason = $"{reason} (after {part.Position} bytes)"
                    outcome <- Some(Error(FetchFailure.Interrupted reason))

            return outcome.Value
        }

    /// Gets the file at `mirror` into `part`, continuing what `part` already has if the server can, and never past
    /// `limit` bytes. `progress` hears the bytes in `part` and the length of the whole, if known. A stop by
    /// the caller and a failure of the disk are thrown.
    let into settings client progress cancellation (limit: int64) (mirror: string) (part: FileStream) =
        task {
            match! ask settings client cancellation (Uri mirror) part.Length with
            | Error reason -> return Error(FetchFailure.Interrupted reason)
            | Ok response ->
                use response = response

                match extent part.Length limit response with
                | Error failure -> return Error failure
                | Ok(start, total) -> return! copy settings cancellation progress limit response part start total
        }
