//! Mails in rounds: one to each address with all that is new for it, until the way turns out to be closed.

use std::collections::{HashMap, HashSet};

use lettre::Address;

use super::carrier::GO;
use super::error::NotifyError;
use super::mail::Mail;
use crate::vault::{Delivery, Raising};

pub(super) struct Post<'a> {
    vault: &'a str,
    mail: &'a Mail,
    /// Who got what already of a notice that others have yet to get.
    sent: HashSet<(Raising, Address)>,
    /// Failures of an address since a mail reached it.
    failures: HashMap<Address, usize>,
}

/// What came of a round. What is in neither list waits for the next.
pub(super) struct Round {
    /// Everybody has them.
    pub done: Vec<Raising>,
    /// Those that wait for another attempt.
    pub failed: Vec<Raising>,
    /// Why, if any failed.
    pub error: Option<NotifyError>,
}

impl<'a> Post<'a> {
    pub fn new(vault: &'a str, mail: &'a Mail) -> Self {
        Self { vault, mail, sent: HashSet::new(), failures: HashMap::new() }
    }

    /// Notices that were cured, or told and recorded, are no longer known.
    pub fn forget_all_but(&mut self, all: &[Delivery]) {
        if !self.sent.is_empty() {
            let all: HashSet<_> = all.iter().map(Delivery::raising).collect();
            self.sent.retain(|(raising, _)| all.contains(raising));
        }
    }

    /// Mails the first of those that are due, the gravest first, until it is outrun by what is raised meanwhile. Where the server
    /// can't be reached, or is silent, one attempt is enough: it stands for all that is due.
    pub async fn round(&mut self, due: &[&Delivery], is_outrun: impl Fn() -> bool) -> Round {
        let those = &due[..due.len().min(GO)];
        let recipients: Vec<_> =
            those.iter().map(|each| (each.raising(), self.mail.recipients(each))).collect();
        // Of all that nobody gets it can't be said that everybody has it.
        let for_nobody = recipients.iter().filter(|(_, all)| all.is_empty());
        let mut failed: HashSet<_> = for_nobody.map(|(raising, _)| raising.clone()).collect();
        // Told last: of each address that can't be used there is a warning.
        let nobody = (!failed.is_empty()).then_some(NotifyError::Nobody);
        let mut error = None;
        for (to, those) in self.letters(those, &recipients) {
            let told = self.mail.send(self.vault, &to, &those).await;
            let told_of = those.iter().map(|each| each.raising());
            match told {
                Ok(()) => {
                    self.failures.remove(&to);
                    self.sent.extend(told_of.map(|each| (each, to.clone())));
                }
                Err(why) if why.is_of_the_way() => {
                    *self.failures.entry(to).or_default() += 1;
                    failed = due.iter().map(|each| each.raising()).collect();
                    error = Some(why);
                    break;
                }
                Err(why) => {
                    *self.failures.entry(to).or_default() += 1;
                    failed.extend(told_of);
                    error.get_or_insert(why);
                }
            }
            if is_outrun() {
                break;
            }
        }
        let has_all = |raising: &Raising, all: &[Address]| {
            !all.is_empty() && all.iter().all(|to| self.sent.contains(&(raising.clone(), to.clone())))
        };
        let done = recipients.into_iter().filter(|(raising, all)| has_all(raising, all));
        let done: Vec<_> = done.map(|(raising, _)| raising).collect();
        done.iter().for_each(|each| {
            failed.remove(each);
        });
        Round { done, failed: failed.into_iter().collect(), error: error.or(nobody) }
    }

    /// What goes to whom. Who failed comes behind the others: an address at which the server hangs keeps nobody from his mail.
    fn letters<'b>(
        &self,
        those: &[&'b Delivery],
        recipients: &[(Raising, Vec<Address>)],
    ) -> Vec<(Address, Vec<&'b Delivery>)> {
        let mut letters: Vec<(Address, Vec<&Delivery>)> = Vec::new();
        for (delivery, (raising, all)) in those.iter().zip(recipients) {
            for to in all {
                if self.sent.contains(&(raising.clone(), to.clone())) {
                    continue;
                }
                match letters.iter_mut().find(|(known, _)| known == to) {
                    Some((_, those)) => those.push(delivery),
                    None => letters.push((to.clone(), vec![delivery])),
                }
            }
        }
        letters.sort_by_key(|(to, _)| self.failures.get(to).copied().unwrap_or_default());
        letters
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Answer, MailServer};
    use super::*;
    use crate::model::{NoticeLevel, Rung};

    const ANN: &str = "ann@example.org";
    const BOB: &str = "bob@example.org";

    fn delivery(id: &str, level: NoticeLevel, second: i64) -> Delivery {
        let at = jiff::Timestamp::from_second(second).unwrap();
        Delivery {
            id: id.parse().unwrap(),
            rung: Rung(7),
            level,
            since: at,
            raised_at: at,
            due: None,
            message: format!("{id} is near"),
            action: "type something".to_owned(),
            owners: Vec::new(),
        }
    }

    fn expiry(second: i64) -> Delivery {
        delivery("expiry.custsecret_a.2027-06-30", NoticeLevel::Warning, second)
    }

    fn never() -> bool {
        false
    }

    #[tokio::test]
    async fn a_way_that_is_closed_is_tried_once_for_all_that_is_due() {
        let server = MailServer::start(|_| Answer::HangUp).await;
        let mail = server.mail(&[ANN, BOB, "eve@example.org"]);
        let mut post = Post::new("v", &mail);
        let all: Vec<_> = (0..GO as i64 + 50).map(expiry).collect();
        let round = post.round(&all.iter().collect::<Vec<_>>(), never).await;
        assert_eq!(server.asked(), [ANN]);
        assert_eq!((round.done.len(), round.failed.len()), (0, all.len()));
        assert!(round.error.unwrap().is_of_the_way());
    }

    #[tokio::test]
    async fn who_failed_comes_behind_the_others() {
        let server = MailServer::start(|to| if to == ANN { Answer::HangUp } else { Answer::Take }).await;
        let mail = server.mail(&[ANN, BOB]);
        let mut post = Post::new("v", &mail);
        let due = expiry(1);
        for asked in [&[ANN][..], &[ANN, BOB, ANN], &[ANN, BOB, ANN, ANN]] {
            let round = post.round(&[&due], never).await;
            assert_eq!(server.asked(), asked);
            assert_eq!((round.done, round.failed), (vec![], vec![due.raising()]));
        }
        assert_eq!(server.mails().len(), 1);
    }

    #[tokio::test]
    async fn a_refused_address_is_its_own_affair_and_what_is_raised_again_is_mailed_again() {
        let server = MailServer::start(|to| if to == ANN { Answer::Refuse } else { Answer::Take }).await;
        let mail = server.mail(&[ANN, BOB]);
        let mut post = Post::new("v", &mail);
        let (first, again) = (expiry(1), expiry(2));
        let round = post.round(&[&first], never).await;
        assert_eq!((round.done, round.failed), (vec![], vec![first.raising()]));
        assert!(!round.error.unwrap().is_of_the_way());
        post.forget_all_but(std::slice::from_ref(&first));
        post.round(&[&first], never).await;
        assert_eq!(server.mails().len(), 1, "he has it");
        post.forget_all_but(std::slice::from_ref(&again));
        post.round(&[&again], never).await;
        let ids: HashSet<_> = server.mails().iter().map(|mail| header(mail, "Message-ID")).collect();
        assert_eq!((server.mails().len(), ids.len()), (2, 2), "{ids:?}");
    }

    #[tokio::test]
    async fn what_nobody_can_be_told_of_has_failed_and_the_others_get_theirs() {
        let server = MailServer::start(|_| Answer::Take).await;
        let mail = server.mail(&[]);
        let mut post = Post::new("v", &mail);
        // As registrations of before may have it.
        let lost = Delivery { owners: vec!["ann@example.org.".to_owned()], ..expiry(1) };
        let told = Delivery { owners: vec!["bob@example.org.".to_owned(), BOB.to_owned()], ..expiry(2) };
        let round = post.round(&[&lost, &told], never).await;
        assert_eq!((round.done, round.failed), (vec![told.raising()], vec![lost.raising()]));
        assert!(matches!(round.error, Some(NotifyError::Nobody)));
        assert_eq!(server.asked(), [BOB]);
        // What another server said is told before that.
        let refusing = MailServer::start(|_| Answer::Refuse).await;
        let mail = refusing.mail(&[]);
        let round = Post::new("v", &mail).round(&[&lost, &told], never).await;
        assert_eq!(round.failed.len(), 2);
        assert!(!matches!(round.error, Some(NotifyError::Nobody) | None));
    }

    #[tokio::test]
    async fn what_is_raised_meanwhile_has_its_turn_before_the_rest() {
        let server = MailServer::start(|_| Answer::Take).await;
        let mail = server.mail(&[ANN, BOB]);
        let mut post = Post::new("v", &mail);
        let (near, grave) = (expiry(1), delivery("expiry.custsecret_b.2020-01-01", NoticeLevel::Critical, 2));
        let round = post.round(&[&near], || true).await;
        assert_eq!(server.asked(), [ANN]);
        assert_eq!((round.done.len(), round.failed.len(), round.error.is_some()), (0, 0, false));
        let round = post.round(&[&grave, &near], never).await;
        assert_eq!(round.done, [grave.raising(), near.raising()]);
        let subjects: Vec<_> = server.mails().iter().map(|mail| header(mail, "Subject")).collect();
        assert!(subjects[1].contains("critical: expiry.custsecret_b"), "{subjects:?}");
        assert!(subjects[2].contains("critical: 2 notices"), "{subjects:?}");
    }

    fn header(mail: &str, name: &str) -> String {
        let line = mail.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("{name} in {mail}")).to_owned()
    }
}
