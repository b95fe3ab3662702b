//! One call at a legacy server, from the request to the response, over as many rounds of questions as the server needs.
//!
//! Driven by whoever reads the reply while it is active, and by its keeper in [`super::park`] while its caller is asked.

use super::{
    Call, Declared, Rim, Session,
    answers::{self, Open},
    levels,
    park::Claim,
    questions::{self, Verdict},
    session::{Heard, Hearing},
    tasks, visits,
};
use crate::upstream::{Caller, Long, Reply, Said, UpstreamError};
use futures::{FutureExt as _, StreamExt as _, future, stream};
use protocol::{Id, Message, Notification, Request, Response, code, method};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// Notifications kept while nobody reads them; the oldest make room.
const NOTES_MAX: usize = 64;

/// See the module.
pub(super) struct Conversation {
    pub(super) rim: Arc<Rim>,
    /// Who may go on with it, and with what request.
    pub(super) claim: Claim,
    session: Arc<dyn Session>,
    call: Call,
    /// Of the request it is answered under; a retry brings its own.
    id: Id,
    declared: Declared,
    /// None once nothing comes any more.
    hearing: Option<Hearing>,
    notes: VecDeque<Notification>,
    /// What it came to, if that was not told yet.
    end: Option<Result<End, UpstreamError>>,
    open: Open,
    /// Time the server still has, waiting for answers not counted.
    left: Duration,
    /// The call as it was sent, while it may turn out that it has to be made a task.
    plain: Option<Request>,
}

/// The server's answer.
enum End {
    Response(Response),
    Long(Long),
}

impl Conversation {
    /// Sends `request` in `session`.
    pub(super) async fn begin(
        rim: &Arc<Rim>,
        session: Arc<dyn Session>,
        mut request: Request,
        caller: &Caller,
    ) -> Result<Box<Self>, UpstreamError> {
        let (claim, declared, id) = (Claim::of(&request, caller), Declared::of(&request), request.id.clone());
        let call = Call::outgoing(&mut request, session.welcome().revision);
        let limit = rim.bounds.call_timeout;
        let began = Instant::now();
        let plain = rim.tools.may_need_task(&session, &request).then(|| request.clone());
        let sending = async {
            levels::settle(&*session, call.level()).await;
            if plain.is_some() && rim.tools.needs_task(&request) {
                tasks::begin(&session, request, rim.bounds.task_ttl()).await
            } else {
                session.send(request).await
            }
        };
        let hearing = timeout(limit, sending).await.map_err(|_| rim.timed_out())??;
        Ok(Box::new(Self {
            rim: Arc::clone(rim),
            claim,
            session,
            call,
            id,
            declared,
            hearing: Some(hearing),
            notes: VecDeque::new(),
            end: None,
            open: Open::default(),
            left: limit.saturating_sub(began.elapsed()),
            plain,
        }))
    }

    /// Goes on under `request`, the retry, with the answers in it.
    pub(super) async fn resume(&mut self, request: &Request) {
        self.id = request.id.clone();
        self.declared = Declared::of(request);
        self.call.repeated(request);
        let answers = request.params.object("inputResponses").unwrap_or_default();
        for response in self.open.close(&answers) {
            self.session.tell(Message::Response(response)).await;
        }
    }

    /// What the caller reads until the response, or until it is asked.
    pub(super) fn into_reply(self: Box<Self>) -> Reply {
        Box::pin(stream::unfold(Some(self), |conversation| async {
            let (item, rest) = conversation?.next().await;
            Some((item, rest))
        }))
    }

    async fn next(mut self: Box<Self>) -> (Result<Said, UpstreamError>, Option<Box<Self>>) {
        loop {
            if let Some(note) = self.notes.pop_front() {
                if let Some(note) = self.call.told(note) {
                    return (Ok(Message::Notification(note).into()), Some(self));
                }
                continue;
            }
            if let Some(end) = self.end.take() {
                match self.finish(end).await {
                    Some(end) => return (end, None),
                    None => continue,
                }
            }
            if !self.open.is_empty() {
                match self.park().await {
                    Ok(response) => return (Ok(Message::Response(response).into()), None),
                    Err(conversation) => {
                        self = conversation;
                        continue;
                    }
                }
            }
            let began = Instant::now();
            // A server that always has something to say never lets the clock be looked at otherwise.
            let in_time = !self.left.is_zero();
            let heard = timeout_at(began + self.left, self.hear()).await;
            self.left = self.left.saturating_sub(began.elapsed());
            match heard {
                Ok(heard) if in_time => self.take_in_all(heard).await,
                _ => return (Err(self.rim.timed_out()), None),
            }
        }
    }

    /// The next thing the server says; forever silent once it said all. May be dropped without losing anything.
    pub(super) async fn hear(&mut self) -> Option<Result<Heard, UpstreamError>> {
        match &mut self.hearing {
            Some(hearing) => hearing.next().await,
            None => future::pending().await,
        }
    }

    /// Takes `heard` in. With a question also what is there already besides: questions asked together are put together.
    async fn take_in_all(&mut self, heard: Option<Result<Heard, UpstreamError>>) {
        self.take_in(heard).await;
        while !self.open.is_empty()
            && let Some(heard) = self.hear().now_or_never()
        {
            self.take_in(heard).await;
        }
    }

    /// Takes in what the server said.
    pub(super) async fn take_in(&mut self, heard: Option<Result<Heard, UpstreamError>>) {
        match heard {
            Some(Ok(Heard::Note(note))) => self.note(note),
            Some(Ok(Heard::Question(question))) => self.question(question).await,
            Some(Ok(Heard::Response(response))) => self.over(Ok(End::Response(response))),
            Some(Ok(Heard::Long(long))) => self.over(Ok(End::Long(long))),
            Some(Err(error)) => self.over(Err(error)),
            None => self.over(Err(self.rim.lost("it ended its answer before the response"))),
        }
    }

    fn over(&mut self, end: Result<End, UpstreamError>) {
        self.hearing = None;
        self.end = Some(end);
    }

    fn note(&mut self, note: Notification) {
        if note.method == method::CANCELLED {
            if let Some(id) = note.params.read::<Id>("requestId") {
                self.open.withdraw(&id);
            }
            return;
        }
        if self.notes.len() >= NOTES_MAX {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

    async fn question(&mut self, question: Request) {
        // `tasks/result` is where the questions of a task come, to clients that know tasks of 2025-11-25.
        let askable = matches!(
            self.call.method.as_str(),
            method::TOOLS_CALL | method::PROMPTS_GET | method::RESOURCES_READ | tasks::RESULT
        );
        let told = match questions::judge(question, &self.declared, askable) {
            Verdict::Ask(question) => self.open.add(question),
            Verdict::Tell(response) => Some(response),
        };
        if let Some(response) = told {
            self.session.tell(Message::Response(response)).await;
        }
    }

    /// The end as the caller gets it; none if the call goes on as a task.
    async fn finish(&mut self, end: Result<End, UpstreamError>) -> Option<Result<Said, UpstreamError>> {
        let mut response = match end {
            Ok(End::Response(response)) => response,
            Ok(End::Long(mut long)) => {
                self.call.complete(long.rim());
                let long = long.within(self.left).keeping(Arc::clone(&self.session));
                return Some(Ok(Said::Long(long)));
            }
            Err(error) => return Some(Err(error)),
        };
        let refused = matches!(&response.payload, Err(error) if error.code == code::METHOD_NOT_FOUND);
        if let Some(request) = self.plain.take()
            && refused
            && !self.rim.tools.needs_task(&request)
        {
            // The server did not look at it: this is how it says that the tool only runs as a task.
            self.rim.tools.learn(&request);
            match timeout(self.left, tasks::begin(&self.session, request, self.rim.bounds.task_ttl())).await {
                Ok(Ok(hearing)) => self.hearing = Some(hearing),
                Ok(Err(error)) => return Some(Err(error)),
                Err(_) => return Some(Err(self.rim.timed_out())),
            }
            return None;
        }
        self.rim.tools.listed(&self.session, &self.call.method, &response);
        self.call.incoming(&mut response);
        visits::shape(&mut response, &self.call.method, &self.declared);
        response.id = Some(self.id.clone());
        Some(Ok(Message::Response(response).into()))
    }

    /// Asks the caller. The conversation comes back if there is no place to wait for the answers; nobody was asked then.
    async fn park(self: Box<Self>) -> Result<Response, Box<Self>> {
        let (rim, id, requests) = (Arc::clone(&self.rim), self.id.clone(), self.open.requests());
        match rim.park.put(self) {
            Ok(state) => Ok(Response::ok(id, answers::input_required(&requests, Some(&state)))),
            Err(mut conversation) => {
                conversation.abandon().await;
                Err(conversation)
            }
        }
    }

    /// Tells the server that its questions are not going to be answered.
    pub(super) async fn abandon(&mut self) {
        for response in self.open.abandon() {
            self.session.tell(Message::Response(response)).await;
        }
    }
}
